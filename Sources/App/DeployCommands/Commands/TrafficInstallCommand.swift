import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import SafeFile

extension TrafficCommand {
    /// Puts into the balancers' configuration what their `mode:` needs once.
    struct Install: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "install",
            abstract:
                "Put into the balancers' configuration what their mode needs once; shows the changes first.",
            discussion: """
                nginx's modes switchboard and generated and HAProxy's mode map need files and lines of bgdeploy's.
                They are shown as a diff, written when you agree, tested and loaded; the traffic stays as it is.
                Run it again after changing servers, `sticky` or `ab` in the playbook.
                """
        )

        @OptionGroup var common: CommonOptions
        @Flag(name: .customLong("dry-run"), help: "Show the changes and write nothing.") var isTrial = false

        var reach: Reach { .thisHostInstead }

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let service = try workplace.service()
            var wanted: [(balancer: any LoadBalancer, installation: Installation)] = []
            for balancer in service.fleet.balancers {
                do throws(LoadBalancerError) {
                    wanted.append((balancer, try await balancer.installation()))
                } catch {
                    throw CommandFailure(error, at: balancer)
                }
            }
            show(wanted, workplace)
            let missing = wanted.filter { !$0.installation.isComplete }
            guard !isTrial, !missing.isEmpty else { return .done }
            guard workplace.confirm("Write this and load it? The traffic stays as it is.") else {
                return .failed
            }
            let store = try await workplace.store()
            return try await workplace.desk().holding(service, store, "traffic install") {
                _,
                token throws(CommandFailure) in
                for (balancer, installation) in missing {
                    do throws(LoadBalancerError) {
                        try await balancer.install(installation, token: token)
                    } catch {
                        throw CommandFailure(error, at: balancer)
                    }
                    await told(balancer, workplace)
                }
                return .done
            }
        }

        /// What is left to do, such as a reload that bgdeploy may not do itself.
        private func told(_ balancer: any LoadBalancer, _ workplace: Workplace) async {
            guard workplace.options.output != .json else { return }
            let rest = try? await balancer.installation()
            workplace.printer.line("\(balancer.name): installed")
            for remark in rest?.remarks ?? [] {
                workplace.printer.line(workplace.style("  ! \(Style.harmless(remark))", .yellow))
            }
        }

        private func show(
            _ wanted: [(balancer: any LoadBalancer, installation: Installation)],
            _ workplace: Workplace
        ) {
            guard workplace.options.output != .json else {
                let list = wanted.map { Self.json($0.balancer, $0.installation) }
                return workplace.printer.line(JSON.text(.object([("balancers", .list(list))]), indent: 1))
            }
            for (balancer, installation) in wanted {
                if installation.isComplete {
                    workplace.printer.line("\(balancer.name): nothing to install")
                } else {
                    workplace.printer.line("\(balancer.name): \(balancer.method)")
                    for change in installation.changes {
                        workplace.printer.line(
                            PlanView.tinted(change.diff, workplace.style).joined(separator: "\n")
                        )
                    }
                }
                for remark in installation.remarks {
                    workplace.printer.line(workplace.style("  ! \(Style.harmless(remark))", .yellow))
                }
            }
        }

        private static func json(_ balancer: any LoadBalancer, _ installation: Installation) -> JSON {
            .object([
                ("name", .text(balancer.name)), ("method", .text(balancer.method)),
                ("complete", .flag(installation.isComplete)),
                (
                    "changes",
                    .list(
                        installation.changes.map {
                            .object([("file", .text($0.path)), ("diff", .text($0.diff))])
                        }
                    )
                ),
                ("remarks", .list(installation.remarks.map { .text($0) })),
            ])
        }
    }
}
