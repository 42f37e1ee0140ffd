import DeployCore
import DeployOperations
import DeployPorts

/// The buttons of a run: each opens its form in place, with and without script.
struct CommandForms {
    let run: RecordedRun
    let visitor: Visitor
    /// Why users should rather not be put back: the schema that they would meet.
    let obstacle: String?
    let now: Timestamp

    private var plan: Plan { run.state.plan }
    private var id: RunID { run.record.id }

    /// What ends badly first, because that is what one comes for in a hurry.
    var markup: Markup {
        guard visitor.csrf != nil else { return .nothing }
        let offers = Offer.all(in: run.state, to: visitor.principal, at: now)
        guard !offers.isEmpty else { return excuse }
        let ways: Set<Offer> = [.abort, .rollback]
        return tag("div", .style("offers")) {
            offers.filter(ways.contains).map(form)
            offers.filter { !ways.contains($0) }.map(form)
        }
    }

    /// Why there is no button where somebody would look for one.
    private var excuse: Markup {
        guard !run.state.isSettled, !visitor.principal.may(.deploy, on: plan.service) else { return .nothing }
        return tag("p", .style("note")) {
            "You may look at \(plan.service), and not steer it: that takes the scope deploy, or approve."
        }
    }

    private func form(_ offer: Offer) -> Markup {
        let key = "\(offer)"
        return tag("details", .id("offer-\(key)"), .style("offer \(style(offer))"), .name("offers")) {
            tag("summary") { "\(title(offer))" }
            visitor.form("form-\(key)", to: place(offer)) {
                tag("p") { "\(consequence(offer))" }
                fields(offer)
                reason(offer)
                tag("button", .style("\(style(offer))"), .type("submit")) { "\(confirmation(offer))" }
            }
        }
    }

    private func place(_ offer: Offer) -> Place {
        if offer == .rollback, run.state.isSettled { return .rollback(service: plan.service) }
        return .command(run: id, word: offer.command.word)
    }

    private func style(_ offer: Offer) -> String {
        switch offer {
        case .abort, .rollback: "danger"
        case .approve, .promote, .proceed: "primary"
        case .promoteFully, .pause: "plain"
        }
    }

    /// `blue (v2.4.1)`.
    private var home: String {
        plan.previousVersion.map { "\(plan.stable) (\($0))" } ?? "\(plan.stable)"
    }

    private func title(_ offer: Offer) -> String {
        switch offer {
        case .approve: "Approve"
        case .promote:
            if let next = run.state.nextExposure {
                "Go on to \(next) now"
            } else if run.state.phase == .monitor {
                "End monitoring now"
            } else {
                "Go on now"
            }
        case .promoteFully: "Go to \(plan.lastExposure) now"
        case .pause: "Pause"
        case .proceed: "Go on after the pause"
        case .abort: "Stop this run"
        case .rollback: "Put all users back on \(home)"
        }
    }

    private func consequence(_ offer: Offer) -> String {
        switch offer {
        case .approve: approval
        case .promote: "What is being waited for or watched ends now, whatever has been measured."
        case .promoteFully: "The steps in between are left out."
        case .pause: "The split stays as it is, and goes on being watched: \(run.state.split)."
        case .proceed: "The run goes on from where it was paused."
        case .abort: "No traffic has moved: users stay on \(home). What is under way is stopped."
        case .rollback: "\(plan.version) on \(plan.candidate) loses its users; nothing is migrated back."
        }
    }

    /// As in `“release manager” takes one person`.
    private var approval: String {
        for pending in run.state.pending {
            guard case .approval(let step, let people, _) = pending.effect else { continue }
            let done = run.state.approvalCount
            let count = people == 1 ? "one person" : "\(people) people, of whom \(done) approved already"
            return "“\(step.title)” takes \(count)."
        }
        return ""
    }

    private func confirmation(_ offer: Offer) -> String {
        switch offer {
        case .approve: "Yes, approve"
        case .promote, .promoteFully, .proceed: "Yes, go on"
        case .pause: "Yes, pause"
        case .abort: "Yes, stop it"
        case .rollback: "Yes, put all users back on \(home)"
        }
    }

    @MarkupBuilder private func fields(_ offer: Offer) -> [Markup] {
        if offer == .promoteFully {
            tag("input", .type("hidden"), .name("full"), .value("true"))
        }
        if offer == .rollback {
            if run.state.isSettled { tag("input", .type("hidden"), .name("run"), .value(id.rawValue)) }
            if plan.rollback.gradual.count > 1 {
                check(
                    "gradual",
                    "step by step, over \(plan.rollback.gradual.map { "\($0) %" }.joined(separator: ", "))"
                )
            }
            if let obstacle {
                tag("div", .style("obstacle")) {
                    Icon.warning.markup
                    tag("p", .style("pre")) { "\(obstacle)" }
                }
                check("force", "put users back all the same", isRequired: true)
            }
        }
    }

    private func check(_ name: String, _ label: String, isRequired: Bool = false) -> Markup {
        tag("label", .style("check")) {
            tag(
                "input",
                .type("checkbox"),
                .name(name),
                .value("true"),
                .id("field-\(name)"),
                .flag("required", if: isRequired)
            )
            tag("span") { "\(label)" }
        }
    }

    private func reason(_ offer: Offer) -> Markup {
        let isAsked = offer == .abort || offer == .rollback
        return tag("label") {
            tag("span") { isAsked ? "Why? It stands in the journal and the report." : "Why? May stay empty." }
            tag(
                "input",
                .type("text"),
                .name("reason"),
                .id("reason-\(offer)"),
                .other("maxlength", "500"),
                .other("autocomplete", "off"),
                .flag("required", if: isAsked)
            )
        }
    }
}
