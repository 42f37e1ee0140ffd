public import DeployCore

/// Visits every world that a plan can reach, breadth first, so that the first finding has a shortest trail.
public struct WorldExplorer {
    public struct Finding: Sendable {
        public let broken: String
        public let trail: [Move]
    }

    public struct Report: Sendable {
        public internal(set) var worldCount = 0
        public internal(set) var transitionCount = 0
        public internal(set) var findings: [Finding] = []
        /// Steps of the longest way back, over all worlds.
        public internal(set) var longestReturn = 0
        /// Whether the search stopped at its limit: a part was not visited.
        public internal(set) var isPartial = false
    }

    private struct Node {
        let world: World
        let parent: Int
        let move: Move?
    }

    private let rules: WorldRules
    private var nodes: [Node]
    private var seen: Set<[UInt8]>
    private var report = Report()
    private var returns: [[UInt8]: Int] = [:]

    private init(_ plan: Plan, _ rules: WorldRules) {
        self.rules = rules
        let root = World(plan: plan)
        nodes = [Node(world: root, parent: 0, move: nil)]
        seen = [root.fingerprint]
    }

    /// Stops at the first `findingLimit` findings, or at `limit` worlds.
    public static func search(
        _ plan: Plan,
        rules: WorldRules = WorldRules(),
        limit: Int = 3_000_000,
        findingLimit: Int = 1
    ) -> Report {
        var explorer = WorldExplorer(plan, rules)
        explorer.run(limit: limit, findingLimit: findingLimit)
        return explorer.report
    }

    private mutating func run(limit: Int, findingLimit: Int) {
        var head = 0
        while head < nodes.count, report.findings.count < findingLimit {
            let world = nodes[head].world
            for broken in world.brokenPromises(rules) + wayBackFaults(from: world) {
                report.findings.append(Finding(broken: broken, trail: trail(to: head)))
            }
            for move in world.moves(rules) {
                let next = world.after(move, rules)
                report.transitionCount += 1
                guard seen.insert(next.fingerprint).inserted else { continue }
                nodes.append(Node(world: next, parent: head, move: move))
            }
            head += 1
            guard nodes.count <= limit else {
                report.isPartial = true
                break
            }
        }
        report.worldCount = nodes.count
    }

    private func trail(to index: Int) -> [Move] {
        var moves: [Move] = []
        var index = index
        while let move = nodes[index].move {
            moves.append(move)
            index = nodes[index].parent
        }
        return moves.reversed()
    }

    /// From every world, once faults cease and somebody asks for it, the way back comes to its end.
    private mutating func wayBackFaults(from world: World) -> [String] {
        var path: [[UInt8]] = []
        var current = world
        var length = 0
        var hasAsked = false
        while !(current.hasEnded && current.state.pending.isEmpty && current.isEngineAlive) {
            let fingerprint = current.fingerprint
            if hasAsked {
                if let known = returns[fingerprint] {
                    length = known
                    break
                }
                path.append(fingerprint)
            }
            guard let move = current.kindMove(hasAsked: &hasAsked) else {
                return ["nothing can happen any more, and the run has not ended"]
            }
            current = current.after(move, rules)
            guard path.count < 100 else { return ["the way back does not end"] }
        }
        for (offset, fingerprint) in path.reversed().enumerated() {
            returns[fingerprint] = length + offset + 1
        }
        report.longestReturn = max(report.longestReturn, length + path.count)
        return []
    }
}

extension World {
    var hasEnded: Bool {
        switch state.stage {
        case .ended, .released: true
        case .idle, .forward, .returning: false
        }
    }

    /// What happens when nothing goes wrong any more and somebody wants the old version back.
    func kindMove(hasAsked: inout Bool) -> Move? {
        if !isEngineAlive { return .engineReplaced }
        if !hasAsked {
            hasAsked = true
            return .command(.abort, by: "ana")
        }
        if let flight = flights.first(where: { !$0.hasLanded }) { return .lands(effect: flight.effect) }
        for pending in state.pending {
            switch pending.effect {
            case .route:
                let isFlying = flights.contains { $0.effect == pending.id }
                return isFlying ? .succeeds(effect: pending.id) : .fails(effect: pending.id, .unknown)
            case .watch: return .judged(effect: pending.id, .passed(summary: ""))
            case .approval: return .fails(effect: pending.id, .unchanged)
            case .step, .window, .drain, .wait: return .succeeds(effect: pending.id)
            }
        }
        return nil
    }
}
