import DeployCore
import DeployPorts
import Playbooks
import Testing

@Suite struct PlanTests {
    static let full = """
        strategy: { canary: [10%, 100%], hold: 5m, early: true }
        preflight:
          - http: { get: /a }
          - http: { get: /b }
        prepare:
          - run: [deploy, "${version}"]
            retry: { attempts: 3, every: 2s, backoff: 2 }
            when: ${candidate} == "green"
          - script: echo one
            name: tell
            timeout: 30s
            on_failure: continue
            always: true
            idempotent: true
        migrate:
          - run: [migrate]
        warm_up:
          - { http: { get: /1 } }
          - { http: { get: /2 } }
          - { http: { get: /3 } }
          - { http: { get: /4 } }
          - { http: { get: /5 } }
        validate:
          - { http: { get: /1 } }
          - { http: { get: /2, capture: { id: session.id } }, name: login }
          - { http: { get: "/3/${steps.login.id}" } }
          - { http: { get: /4 } }
          - { http: { get: /5 } }
          - { wait: 10s }
          - { approval: { by: 2, timeout: 1h } }
          - { checklist: [one, two] }
          - { http: { post: /6 } }
          - { http: { get: /7 } }
        drain: { request: { http: { post: /drain } }, grace: 10s, then: stop }
        monitor: { for: 5m }
        rollback: { gradual: [50%, 20%, 0%], hold: 30s, then: [{ run: [tidy] }] }
        afterwards:
          - { in: 24h, do: [{ run: [late] }] }
          - { in: 1h, do: [{ run: [early] }, { run: [early2] }] }

        """

    @Test func `phases come in their order with numbered steps`() throws {
        let frozen = try Book.plan(try Book.loaded(Self.full))
        let plan = frozen.plan
        #expect(
            plan.phases.map(\.name)
                == [.preflight, .prepare, .migrate, .warmUp, .validate, .drain, .shift, .monitor]
        )
        #expect(Self.groups(plan, .preflight) == [["preflight/1"], ["preflight/2", "preflight/3"]])
        #expect(Self.groups(plan, .prepare) == [["prepare/1"], ["prepare/2"]])
        #expect(plan.phases.first.flatMap(Self.firstKind) == .inspectBalancers)
        #expect(plan.stable.rawValue == "blue" && plan.candidate.rawValue == "green")
        #expect(plan.playbookDigest.count == 64)
        #expect(plan.rollback.gradual == [Percent(50), Percent(20), Percent(0)])
        #expect(plan.rollback.steps.map(\.id.rawValue) == ["rollback/1"])
        #expect(plan.followUps.map(\.after) == [.minutes(60), .minutes(60), .minutes(24 * 60)])
        #expect(plan.followUps.map(\.step.id.rawValue) == ["afterwards/1", "afterwards/2", "afterwards/3"])
        #expect(frozen.actions[StepID(rawValue: "afterwards/3")]?.summary == "run")
    }

    @Test func `neighbours that only look run side by side, four at most`() throws {
        let plan = try Book.plan(try Book.loaded(Self.full)).plan
        #expect(
            Self.groups(plan, .warmUp)
                == [["warm_up/1", "warm_up/2", "warm_up/3", "warm_up/4"], ["warm_up/5"]]
        )
        #expect(
            Self.groups(plan, .validate)
                == [
                    ["validate/1"], ["validate/2"], ["validate/3"], ["validate/4", "validate/5"],
                    ["validate/6"],
                    ["validate/7"], ["validate/8"], ["validate/9"], ["validate/10"],
                ]
        )
    }

    @Test func `steps keep what the playbook says of them`() throws {
        let frozen = try Book.plan(try Book.loaded(Self.full))
        let steps = Self.steps(frozen.plan)
        let deploy = try #require(steps["prepare/1"])
        #expect(deploy.deadline == .minutes(15) && deploy.isCancellable && deploy.onFailure == .stop)
        let tell = try #require(steps["prepare/2"])
        #expect(tell.title == "tell" && tell.deadline == .seconds(30) && tell.isAlways)
        #expect(tell.onFailure == .proceed)
        #expect(steps["migrate/2"]?.isCancellable == false)
        #expect(steps["migrate/2"]?.deadline == .minutes(15))
        #expect(steps["validate/1"]?.deadline == .seconds(60))
        #expect(steps["validate/6"]?.kind == .wait(length: .seconds(10)))
        #expect(steps["validate/7"]?.kind == .approval(people: 2))
        #expect(steps["validate/7"]?.deadline == .minutes(60))
        #expect(steps["validate/8"]?.title == "confirm: one; two")
        #expect(steps["validate/8"]?.deadline == .minutes(24 * 60))
        let policy = try #require(frozen.policies[StepID(rawValue: "prepare/1")])
        #expect(policy.attempts == 3 && !policy.isIdempotent)
        #expect(policy.pause(after: 1) == .seconds(2) && policy.pause(after: 2) == .seconds(4))
        #expect(policy.pause(after: 3) == nil)
        #expect(try policy.condition?.holds(in: Values(plain: ["candidate": "green"])) == true)
        #expect(try policy.condition?.holds(in: Values(plain: ["candidate": "blue"])) == false)
        #expect(frozen.policies[StepID(rawValue: "prepare/2")]?.isIdempotent == true)
        #expect(frozen.policies[StepID(rawValue: "validate/2")]?.captureName == "login")
        #expect(frozen.policies[StepID(rawValue: "validate/1")]?.isIdempotent == true)
    }

    @Test func `every action has its code and its policy, and nothing else has`() throws {
        let frozen = try Book.plan(try Book.loaded(Self.full))
        let actions = Self.steps(frozen.plan).values.filter { $0.kind == .action }.map(\.id)
        #expect(Set(actions) == Set(frozen.actions.keys))
        #expect(Set(actions) == Set(frozen.policies.keys))
    }

    @Test func `the same text gives the same plan`() throws {
        let first = try Book.plan(try Book.loaded(Self.full))
        let second = try Book.plan(try Book.loaded(Self.full))
        #expect(first.plan == second.plan)
        #expect(first.policies == second.policies)
        #expect(first.actions.mapValues(\.summary) == second.actions.mapValues(\.summary))
        let other = try Book.plan(try Book.loaded(Self.full + "\n"))
        #expect(first.plan.playbookDigest != other.plan.playbookDigest)
    }

    @Test func `drain may move behind the switch`() throws {
        let text = "drain: {}\norder: [validate, switch, drain, monitor]\n"
        let plan = try Book.plan(try Book.loaded(text)).plan
        #expect(plan.phases.map(\.name) == [.preflight, .validate, .shift, .drain, .monitor])
    }

    @Test func `without validate every server of the candidate is tried`() throws {
        let playbook = try Book.loaded()
        let green = try Book.plan(playbook)
        #expect(green.actions.values.map(\.summary) == ["tcp 127.0.0.1:5002"])
        let blue = try Book.plan(playbook, candidate: EnvironmentName("blue"))
        #expect(blue.actions.values.map(\.summary) == ["tcp 127.0.0.1:5001"])
        let none = try Book.plan(try Book.loaded("validate: []\n"))
        #expect(none.actions.isEmpty)
        #expect(none.plan.phases.map(\.name) == [.preflight, .shift, .monitor])
    }

    @Test func `a captured value is known to later steps only`() {
        let text = """
            validate:
              - { http: { get: "/${steps.login.id}" } }
              - { http: { get: /login, capture: { id: a.b } }, name: login }
              - { http: { get: "/${steps.login.id}" } }
              - { http: { get: "/${steps.login.idd}" } }

            """
        expect(
            Book.mistakes(in: Book.base + text),
            [("9:20", ["later step"]), ("12:20", ["did you mean `${steps.login.id}`"])]
        )
    }

    private static func groups(_ plan: Plan, _ name: PhaseName) -> [[String]] {
        for case .steps(let phase) in plan.phases where phase.name == name {
            return phase.groups.map { $0.map(\.id.rawValue) }
        }
        return []
    }

    private static func firstKind(_ phase: Phase) -> Step.Kind? {
        guard case .steps(let steps) = phase else { return nil }
        return steps.groups.first?.first?.kind
    }

    /// Every step by its id.
    private static func steps(_ plan: Plan) -> [String: Step] {
        var all = plan.rollback.steps + plan.followUps.map(\.step)
        for phase in plan.phases {
            switch phase {
            case .steps(let steps): all += steps.groups.flatMap(\.self)
            case .drain(let drain): all += [drain.request].compactMap(\.self)
            case .shift, .monitor: break
            }
        }
        return Dictionary(all.map { ($0.id.rawValue, $0) }) { first, _ in first }
    }
}
