package import DeployCore
package import DeployPorts
import HTTPClient
import LoadClient
import SafeFile
import WebSocketClient

/// Many requests, and whether they are answered fast and well enough: the playbook's `load`.
package struct LoadStep: StepAction {
    static let fileName = "load.txt"

    let target: LoadTarget
    let paths: [LoadPath]
    let pace: LoadPlan.Pace
    let length: Span
    var ramp = Span.zero
    var warmUp = Span.zero
    var within = Span.seconds(10)
    var headers: [(name: String, value: Template)] = []
    var bearer: Template?
    var sockets: LoadSockets?
    var limits = LoadLimits()
    let clock: any Timekeeper

    package var summary: String {
        let route = target.route == .candidate ? "" : " via \(target.route.rawValue)"
        let list = paths.prefix(3).map(\.template.source) + (paths.count > 3 ? ["…"] : [])
        return "load \(list.joined(separator: " "))\(route), \(paceText), \(length)"
    }

    var paceText: String {
        switch pace {
        case .users(let count): count == 1 ? "1 user" : "\(count) users"
        case .rate(let rate): "\(Figure.fixed(rate, 0)) requests a second"
        }
    }

    /// It only asks, but not as a check does: beside others it would be measured with them, and `health` must not
    /// put load on what users use.
    package var isReadOnly: Bool { false }

    package var references: [Reference] {
        paths.flatMap(\.template.references) + headers.flatMap(\.value.references)
            + (bearer?.references ?? []) + (sockets?.path.template.references ?? [])
    }

    /// What it takes at most, the last answers and the report included.
    package var ownDeadline: Span? { atMost }

    private var atMost: Span {
        let sum = [ramp, warmUp, length, within, .seconds(10)].map(\.milliseconds).reduce(0, +)
        return Span(milliseconds: sum)
    }

    /// A load that was cut short is made anew: it left nothing behind.
    package func reconcile(_ attempt: StepAttempt) async -> Reconciliation { .neverStarted }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        guard attempt.deadline >= atMost else {
            throw StepFailure(
                "takes up to \(atMost), and may take \(attempt.deadline): write `timeout: \(atMost)` beside `load`",
                isTransient: false
            )
        }
        let place = try target.resolved(in: attempt.values)
        let plan = try plan(to: place, attempt.values)
        let watch = LoadWatch(plan: plan, limits: limits, report: attempt.report)
        let (progress, socketFigures) = try await carryOut(plan, place, attempt, watch)
        let report = LoadReport(
            step: self,
            url: attempt.values.masked(place.url),
            figures: progress.total,
            counted: progress.counted,
            sockets: socketFigures,
            stopped: watch.stopped,
            values: attempt.values
        )
        let file = "\(attempt.folder)/\(Self.fileName)"
        do throws(FileProblem) {
            try AtomicFile.replace(file, with: Array(report.text.utf8))
        } catch {
            attempt.report("the histogram could not be kept at \(file): \(error.message)")
        }
        guard report.isGood else { throw StepFailure(report.failure(file: file)) }
        return StepResult(summary: report.summary)
    }

    private func plan(to place: LoadTarget.Resolved, _ values: Values) throws(StepFailure) -> LoadPlan {
        var requests: [LoadPlan.Request] = []
        for path in paths {
            let text = place.prefix + (try path.resolved(in: values))
            requests.append(LoadPlan.Request(path: text, weight: path.weight))
        }
        var plan = LoadPlan(
            target: place.target,
            host: place.authority,
            requests: requests,
            pace: pace,
            length: .milliseconds(length.milliseconds)
        )
        plan.ramp = .milliseconds(ramp.milliseconds)
        plan.warmUp = .milliseconds(warmUp.milliseconds)
        plan.within = .milliseconds(within.milliseconds)
        plan.headers = try resolvedHeaders(values)
        plan.otherDescriptors += sockets?.connections ?? 0
        return plan
    }

    private func resolvedHeaders(_ values: Values) throws(StepFailure) -> [HTTPHeader] {
        var result: [HTTPHeader] = []
        for header in headers {
            result.append(HTTPHeader(header.name, try header.value.resolved(in: values)))
        }
        if let bearer {
            result.append(HTTPHeader("Authorization", "Bearer \(try bearer.resolved(in: values))"))
        }
        return result
    }

    private enum Part {
        case load(Result<LoadProgress, LoadProblem>)
        case sockets(Result<SocketFigures, StepFailure>)
    }

    /// The load, and beside it the WebSockets until it has ended.
    private func carryOut(
        _ plan: LoadPlan,
        _ place: LoadTarget.Resolved,
        _ attempt: StepAttempt,
        _ watch: LoadWatch
    ) async throws(StepFailure) -> (LoadProgress, SocketFigures) {
        var load = Result<LoadProgress, LoadProblem>.failure(.cancelled)
        var held = Result<SocketFigures, StepFailure>.success(SocketFigures())
        await withTaskGroup(of: Part.self) { group in
            group.addTask {
                do throws(LoadProblem) {
                    return .load(.success(try await LoadClient().run(plan) { watch.observe($0) }))
                } catch {
                    return .load(.failure(error))
                }
            }
            if let sockets {
                group.addTask { .sockets(await hold(sockets, at: place, plan.headers, attempt.values)) }
            }
            for await part in group {
                switch part {
                case .load(let result): load = result
                case .sockets(let result): held = result
                }
                // Neither goes on without the other.
                group.cancelAll()
            }
        }
        let socketFigures = try held.get()
        do throws(LoadProblem) { return (try load.get(), socketFigures) } catch {
            throw error.failure(at: attempt.values.masked(place.url))
        }
    }

    private func hold(
        _ sockets: LoadSockets,
        at place: LoadTarget.Resolved,
        _ headers: [HTTPHeader],
        _ values: Values
    ) async -> Result<SocketFigures, StepFailure> {
        do throws(StepFailure) {
            let client = WebSocketClient()
            return .success(
                try await sockets.hold(
                    at: place,
                    headers: headers,
                    values: values,
                    client: client,
                    clock: clock
                )
            )
        } catch {
            return .failure(error)
        }
    }
}

extension LoadProblem {
    /// Nothing was sent.
    fileprivate func failure(at url: String) -> StepFailure {
        let reason =
            switch self {
            case .badPlan(let complaint): complaint
            case .unresolved(let host): "the name \(host) cannot be resolved"
            case .forbidden(let address): "\(address) is link-local, and no place for a check"
            case .tooFewDescriptors(let limit, let needed):
                "\(needed) files and connections may be open at once, and \(limit) are allowed: "
                    + "take fewer users, or raise the limit (`ulimit -n \(needed)`)"
            case .tls(let reason): "TLS cannot be set up: \(reason)"
            case .cancelled: "stopped"
            case .failed(let reason): reason
            }
        let isTransient = if case .unresolved = self { true } else { false }
        return StepFailure("\(url): \(reason)", isTransient: isTransient)
    }
}

extension Values {
    /// `text` with every secret replaced.
    func masked(_ text: String) -> String {
        secrets.values.sorted { $0.count > $1.count }.reduce(text) { text, secret in
            secret.isEmpty ? text : text.replacing(secret, with: "***")
        }
    }
}
