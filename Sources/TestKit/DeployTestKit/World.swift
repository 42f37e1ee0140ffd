public import DeployCore

/// A run together with the world it acts on, so that what the run believes and what is so can differ.
///
/// The world has one balancer, whose share changes when a routing effect *lands*, which may be before its answer,
/// long before, or after the process that sent it has died; an engine that may die at any point and be replaced;
/// and people, who may ask for anything at any time.
public struct World: Sendable {
    public internal(set) var state: RunState
    /// What the candidate really has.
    public internal(set) var exposure: Exposure
    public internal(set) var flights: [Flight]
    public internal(set) var isEngineAlive: Bool
    /// Steps that ended well, for the promise that traffic rises on validated candidates only.
    var succeeded: StepSet
    /// Steps that were begun, for the promise that none is begun twice.
    var begun: StepSet
    /// Whether the candidate ever had traffic.
    public internal(set) var hasEverMoved: Bool
    /// What a transition did that it may not; empty while all is well.
    public internal(set) var faults: [String]

    /// A routing effect between the engine and the balancer.
    public struct Flight: Hashable, Sendable {
        public let effect: Int
        public let exposure: Exposure
        public var hasLanded: Bool
    }

    public init(plan: Plan) {
        state = RunState(plan: plan)
        exposure = .none
        flights = []
        isEngineAlive = true
        let ordinals = plan.stepOrdinals
        succeeded = StepSet(ordinals: ordinals)
        begun = StepSet(ordinals: ordinals)
        hasEverMoved = false
        faults = []
    }
}

/// Which of the world's kindnesses hold.
///
/// A promise of the product that fails when one is taken away depends on it.
public struct WorldRules: Sendable {
    /// The balancer refuses writes of a holder that was replaced.
    public var isFenced = true
    /// A routing effect is answered as done only when it has landed.
    public var answersTellTheTruth = true
    /// How a transition is made; a mutant of the reducer in tests of the explorer.
    public var step: @Sendable (RunState, RunEvent) -> Reducer.Transition = Reducer.step

    public init() {}
}

/// One thing that may happen.
public enum Move: Hashable, Sendable, CustomStringConvertible {
    case start
    case command(Command, by: String)
    case lands(effect: Int)
    case succeeds(effect: Int)
    case fails(effect: Int, TrafficKnowledge)
    case judged(effect: Int, Verdict)
    case engineDies
    case engineReplaced

    public var description: String {
        switch self {
        case .start: "start"
        case .command(let command, let person): "\(person) asks: \(command)"
        case .lands(let effect): "effect \(effect) lands"
        case .succeeds(let effect): "effect \(effect) ok"
        case .fails(let effect, let traffic): "effect \(effect) fails, traffic \(traffic)"
        case .judged(let effect, let verdict): "effect \(effect) judged \(verdict)"
        case .engineDies: "the engine dies"
        case .engineReplaced: "another engine takes over"
        }
    }
}

/// A set of a plan's steps that costs a word.
struct StepSet: Sendable {
    private(set) var mask: UInt64 = 0
    let ordinals: [StepID: Int]

    func contains(_ step: StepID) -> Bool { mask & bit(step) != 0 }

    /// Returns whether it was not there before.
    mutating func insert(_ step: StepID) -> Bool {
        defer { mask |= bit(step) }
        return !contains(step)
    }

    func ordinal(of step: StepID) -> Int { ordinals[step] ?? 63 }

    private func bit(_ step: StepID) -> UInt64 { 1 << UInt64(ordinal(of: step)) }
}

extension Plan {
    /// Every step's place in the plan; at most 63 steps.
    fileprivate var stepOrdinals: [StepID: Int] {
        var ids: [StepID] = []
        for phase in phases {
            switch phase {
            case .steps(let phase): ids += phase.groups.joined().map(\.id)
            case .drain(let phase): ids += phase.request.map { [$0.id] } ?? []
            case .shift, .monitor: continue
            }
        }
        ids += rollback.steps.map(\.id) + followUps.map(\.step.id)
        ids += [Retirement.check.id] + (retirement?.steps.map(\.id) ?? [])
        precondition(ids.count < 64, "a plan to explore has at most 63 steps")
        return Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
    }
}
