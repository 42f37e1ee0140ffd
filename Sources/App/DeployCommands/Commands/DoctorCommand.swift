import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import JournalFormat
import Foundation
import NginxDriver
import Playbooks

struct DoctorCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Find what would stop a deployment on this host, and how to mend each."
    )

    @OptionGroup var common: CommonOptions

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let findings = await Examination(workplace: workplace).findings()
        for finding in findings {
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(finding.json))
            case .text, .github: workplace.printer.line(finding.text(workplace.style))
            }
        }
        let stops = findings.count { $0.level == .stops }
        if workplace.options.output != .json {
            workplace.printer.line(stops == 0 ? "\nnothing stops a deployment" : "\n\(stops) to mend")
        }
        return stops == 0 ? .done : .failed
    }
}

/// One thing that was looked at.
struct Finding {
    enum Level: String {
        case fine, advice, stops
    }

    let level: Level
    let what: String
    /// What was found and how to mend it; empty when it is fine.
    let detail: String

    func text(_ style: Style) -> String {
        let mark = style.mark(level == .fine ? .succeeds : level == .advice ? .warns : .fails)
        let more = detail.isEmpty ? "" : "\n    " + Style.harmless(detail).replacing("\n", with: "\n    ")
        return "\(mark) \(what)\(more)"
    }

    var json: JSON {
        .object([("level", .text(level.rawValue)), ("what", .text(what)), ("detail", .text(detail))])
    }
}

/// Looks at everything that a deployment needs.
///
/// Changes nothing.
struct Examination {
    let workplace: Workplace

    func findings() async -> [Finding] {
        var findings: [Finding] = [await store()]
        let service: Service
        do throws(CommandFailure) {
            service = try workplace.service()
            findings.append(
                Finding(level: .fine, what: "the playbook \(service.playbook.path) is valid", detail: "")
            )
        } catch {
            return findings + [Finding(level: .stops, what: "the playbook", detail: error.message)]
        }
        for configured in service.playbook.balancers {
            findings += await examine(configured.balancer)
            findings += await examine(configured.source, of: configured.balancer)
            findings += await advice(for: configured.balancer)
        }
        findings += await servers(of: service)
        findings += await secrets(of: service)
        return findings
    }

    private func store() async -> Finding {
        do throws(CommandFailure) {
            let store = try await workplace.desk().store()
            return Finding(level: .fine, what: "the state store \(store.place) opens", detail: "")
        } catch {
            return Finding(level: .stops, what: "the state store", detail: error.message)
        }
    }

    private func examine(_ balancer: any LoadBalancer) async -> [Finding] {
        do throws(LoadBalancerError) {
            try await balancer.inspect()
            let seen = try await balancer.observe()
            var findings = [
                Finding(
                    level: .fine,
                    what: "\(balancer.name) can be changed: \(seen.split.map { "\($0)" } ?? "split unknown")",
                    detail: ""
                )
            ]
            findings += seen.remarks.map { Finding(level: .advice, what: balancer.name, detail: $0) }
            return findings
        } catch {
            return [Finding(level: .stops, what: balancer.name, detail: error.message)]
        }
    }

    private func examine(_ source: (any MetricsSource)?, of balancer: any LoadBalancer) async -> [Finding] {
        guard let source else {
            return [
                Finding(
                    level: .advice,
                    what: "\(balancer.name) tells nothing of its traffic",
                    detail:
                        "without it a bad release is not seen: add `log: unix:/run/bgdeploy/NAME.sock` (or "
                        + "udp:127.0.0.1:PORT) to the balancer and nginx/log-format.conf to nginx"
                )
            ]
        }
        do throws(MetricsError) {
            try await source.open()
            await source.close()
            return [Finding(level: .fine, what: "\(source.name) can be read", detail: "")]
        } catch {
            switch error {
            case .unusable(let text), .noEvidence(let text):
                return [Finding(level: .stops, what: source.name, detail: text)]
            }
        }
    }

    private func servers(of service: Service) async -> [Finding] {
        let live = try? await service.observedSplit().live
        var findings: [Finding] = []
        for environment in service.playbook.environments {
            for server in environment.servers {
                guard let refusal = await Catalogue.probe.refusal(of: server) else { continue }
                let isLive = environment.name == live
                findings.append(
                    Finding(
                        level: isLive ? .stops : .advice,
                        what: "\(environment.name): \(server) \(refusal)",
                        detail: isLive
                            ? "users are sent there now"
                            : "fine as long as `prepare` starts it before the switch"
                    )
                )
            }
        }
        return findings
    }

    private func secrets(of service: Service) async -> [Finding] {
        guard let version = Version(rawValue: "doctor") else { return [] }
        let names = service.environmentNames
        let frozen = RunSession.frozen(
            service,
            version: version,
            previous: version,
            stable: names[0],
            strategy: nil
        )
        do throws(PlaybookError) {
            _ = try await service.playbook.values(
                for: frozen.plan,
                run: RunID(rawValue: "doctor"),
                environment: workplace.environment
            )
            return [
                Finding(
                    level: .fine,
                    what: "every variable and secret of the playbook has a value",
                    detail: ""
                )
            ]
        } catch {
            return [Finding(level: .stops, what: "variables and secrets", detail: error.description)]
        }
    }

    /// What its configuration does to keep-alive clients, long answers and shares.
    private func advice(for balancer: any LoadBalancer) async -> [Finding] {
        let settings = (balancer as? NginxBalancer)?.settings ?? (balancer as? NginxSwitchboard)?.settings
        guard let settings else { return [] }
        return await NginxAdvice.advice(for: settings).map {
            Finding(level: .advice, what: $0.what, detail: $0.detail)
        }
    }
}
