import DeployCore
import DeployPorts

/// The keys beside a step's action.
struct CommonKeys {
    var name: String?
    var timeout: Span?
    var retry = Retry()
    var onFailure = Step.OnFailure.stop
    var isAlways = false
    var isIdempotent: Bool?
    var condition: StepCondition?
    /// Where those stand that only an action can have.
    var actionOnly: [(key: String, position: Position)] = []

    struct Retry {
        var attempts = 1
        var every = Span.seconds(1)
        var backoff = 1.0
    }
}

extension PlaybookDecoder {
    /// Every check of a runbook runs whatever fails before it, so that what else a step can say has no meaning there.
    func commonKeys(_ reader: inout MapReader, action: Parameter.Entry, _ rules: StepRules) -> CommonKeys {
        var keys = CommonKeys()
        keys.actionOnly = reader.remaining.filter {
            ["retry", "idempotent", "when", "timeout"].contains($0.key)
        }
        keys.name = reader.optional("name").flatMap { plain(of: $0, "name", reader) }
        keys.timeout = reader.optional("timeout").flatMap { positive($0, "timeout", reader) }
        if let retry = reader.optional("retry") { keys.retry = self.retry(retry) }
        keys.isIdempotent = reader.flag("idempotent")
        keys.condition = reader.optional("when").flatMap { condition($0, reader) }
        if rules.phase.isOfChecks { return keys }
        keys.onFailure = reader.optional("on_failure").flatMap { onFailure($0, "on_failure") } ?? .stop
        keys.isAlways = reader.flag("always") ?? false
        return keys
    }

    func positive(_ value: Parameter, _ key: String, _ reader: MapReader) -> Span? {
        guard let span = reader.span(of: value, key) else { return nil }
        guard span > .zero else {
            diagnostics.report(value.position, "`\(key)` must be longer than 0s")
            return nil
        }
        return span
    }

    /// `stop` or `continue`, or the word that `then` uses for the latter.
    func onFailure(_ value: Parameter, _ key: String, proceed: String = "continue") -> Step.OnFailure? {
        if case .scalar(let scalar) = value {
            if scalar.text == "stop" { return .stop }
            if scalar.text == proceed { return .proceed }
        }
        diagnostics.report(
            value.position,
            "`\(key)` must be stop or \(proceed), found \(value.kindDescription)"
        )
        return nil
    }

    private func retry(_ value: Parameter) -> CommonKeys.Retry {
        var reader = MapReader(value, "`retry`", diagnostics: diagnostics)
        var retry = CommonKeys.Retry()
        if case .map = value, let attempts = reader.required("attempts") {
            retry.attempts = reader.integer(of: attempts, "attempts", in: 1...1000) ?? 1
        }
        retry.every = reader.span("every") ?? .seconds(1)
        if let backoff = reader.optional("backoff"), let text = reader.text(of: backoff, "backoff") {
            if let factor = Double(text), (1...10).contains(factor) {
                retry.backoff = factor
            } else {
                diagnostics.report(
                    backoff.position,
                    "`backoff` must be a number from 1 to 10, by which each pause grows, found `\(text)`"
                )
            }
        }
        reader.finish()
        return retry
    }

    private func condition(_ value: Parameter, _ reader: MapReader) -> StepCondition? {
        guard let source = reader.template(of: value, "when")?.source else { return nil }
        let sides = source.split(separator: "=", omittingEmptySubsequences: false)
        let isEquality = sides.count == 3 && sides[1].isEmpty && !sides[0].hasSuffix("!")
        let texts = isEquality ? [Self.bare(sides[0]), Self.bare(sides[2])] : []
        let templates = texts.compactMap { try? Template($0, at: value.position) }
        guard templates.count == 2, templates.contains(where: { !$0.references.isEmpty }) else {
            diagnostics.report(
                value.position,
                "`when` compares for equality only, such as `${candidate} == green`, found `\(source)`"
            )
            return nil
        }
        return StepCondition(left: templates[0], right: templates[1])
    }

    /// Without the spaces, and the quotes, around it.
    private static func bare(_ text: Substring) -> String {
        var rest = text.drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        if rest.count >= 2, let first = rest.first, first == rest.last, first == "\"" || first == "'" {
            rest = rest.dropFirst().dropLast()
        }
        return String(rest)
    }

    // MARK: gates

    /// A step that waits for people or for a time.
    func gate(_ entry: Parameter.Entry, _ common: CommonKeys, _ position: Position) -> PlaybookStep? {
        let takesTimeout = entry.key == "checklist"
        for (key, place) in common.actionOnly where key != "timeout" || !takesTimeout {
            let takesInside = ["approval", "window"].contains(entry.key) && key == "timeout"
            let hint = takesInside ? "; it belongs inside `\(entry.key)`" : ""
            diagnostics.report(place, "`\(key)` has no meaning beside `\(entry.key)`\(hint)")
        }
        let day = Span.minutes(24 * 60)
        var reader = MapReader(
            .map([], position: entry.value.position),
            "`\(entry.key)`",
            diagnostics: diagnostics
        )
        let work: PlaybookStep.Work
        var (title, deadline) = (entry.key, common.timeout ?? day)
        switch entry.key {
        case "wait":
            let length = positive(entry.value, "wait", reader) ?? .seconds(1)
            (work, title, deadline) = (.wait(length), "wait \(length)", length)
        case "window":
            let gate = window(entry.value)
            (work, title, deadline) = (.window(gate), gate.title, gate.patience)
        case "checklist":
            work = .approval(people: 1, fourEyes: false)
            title = "confirm: " + checklist(entry.value, reader).joined(separator: "; ")
        default:
            reader = MapReader(entry.value, "`approval`", diagnostics: diagnostics)
            let people = reader.integer("by", in: 1...20) ?? 1
            let fourEyes = reader.flag("four_eyes") ?? false
            deadline = reader.optional("timeout").flatMap { positive($0, "timeout", reader) } ?? day
            reader.finish()
            work = .approval(people: people, fourEyes: fourEyes)
            title = people == 1 ? "approval" : "approval by \(people) people"
            if fourEyes { title += people == 1 ? " by another person" : " other than who started it" }
        }
        return PlaybookStep(
            title: Self.title(common.name ?? title),
            work: work,
            deadline: deadline,
            onFailure: common.onFailure,
            isAlways: common.isAlways,
            policy: nil,
            captures: [],
            position: position
        )
    }

    private func checklist(_ value: Parameter, _ reader: MapReader) -> [String] {
        guard let items = reader.list(of: value, "checklist") else { return [] }
        if items.isEmpty { diagnostics.report(value.position, "`checklist` must name something to confirm") }
        return items.compactMap { plain(of: $0, "checklist", reader) }
    }
}
