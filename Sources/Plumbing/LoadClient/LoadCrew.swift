internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The connections of one thread, from the first request to the last.
final class LoadCrew {
    /// What has become of requests since it was last asked.
    struct Tally: Sendable {
        /// Due before the counting began.
        var lead = LoadFigures()
        var counted = LoadFigures()
    }

    /// A request under way.
    private struct Errand {
        /// When its time began: when it was due.
        let start: Int64
        let request: Int
    }

    /// A place for a connection: a user, or one of those that the timetable may have.
    private final class Slot {
        var errand: Errand?
        var wire: LoadWire?
    }

    /// How often is looked for requests whose time is over.
    private static let sweep = TimeAmount.milliseconds(20)
    /// After a connection that was not to be had a user waits for so long.
    private static let pause = TimeAmount.milliseconds(100)

    private let plan: LoadPlan
    private let address: SocketAddress
    private let loop: any EventLoop
    private let tls: LoadTLS?
    private let requests: [ByteBuffer]
    private let order: [Int]
    /// This crew is the one with `number` of `count`.
    private let number: Int
    private let count: Int
    private let timetable: Timetable?
    private let start: Int64
    private let lead: Int64
    private let end: Int64
    private let within: Int64
    private var cursor: Int
    /// How many requests of the timetable were begun by this crew.
    private var begun = 0
    private var isWaitingForDue = false
    private var slots: [Slot]
    /// Slots of the timetable that have nothing to do.
    private var idle: [Slot] = []
    private var tally = Tally()
    private var isStopped = false

    init(_ part: LoadPart, number: Int, on loop: any EventLoop) {
        plan = part.plan
        address = part.address
        tls = part.tls
        requests = part.requests
        order = part.plan.order
        count = part.plan.threads
        start = part.start
        lead = part.start + part.plan.lead.nanoseconds
        end = lead + part.plan.length.nanoseconds
        within = part.plan.within.nanoseconds
        self.number = number
        self.loop = loop
        cursor = number * part.plan.order.count / part.plan.threads
        let total = part.plan.connections
        slots = (0..<(total / count + (number < total % count ? 1 : 0))).map { _ in Slot() }
        if case .rate(let rate) = part.plan.pace {
            timetable = Timetable(perSecond: rate, ramp: part.plan.ramp)
        } else {
            timetable = nil
        }
    }

    /// Whether nothing is under way and nothing more will be.
    var isDone: Bool {
        isStopped
            || Self.now() >= end && slots.allSatisfy { $0.errand == nil }
                && (timetable.map { $0.due(begun * count + number) + start >= end } ?? true)
    }

    func take() -> Tally {
        defer { tally = Tally() }
        return tally
    }

    func begin() {
        sweepLater()
        if timetable != nil {
            idle = slots.reversed()
            return dispatch()
        }
        for (index, slot) in slots.enumerated() {
            let place = Double(index * count + number) / Double(max(1, plan.connections))
            let delay = Int64(place * Double(plan.ramp.nanoseconds))
            later(.nanoseconds(delay)) { $0.go(slot) }
        }
    }

    func stop() {
        isStopped = true
        for slot in slots {
            slot.errand = nil
            slot.wire?.close()
        }
    }

    // MARK: what to do next

    /// A user asks.
    private func go(_ slot: Slot) {
        let now = Self.now()
        guard !isStopped, now < end, slot.errand == nil else { return }
        begin(Errand(start: now, request: nextRequest()), in: slot)
    }

    /// Begins what is due, as far as there are connections for it.
    private func dispatch() {
        guard let timetable, !isStopped else { return }
        let now = Self.now()
        while true {
            let due = start + timetable.due(begun * count + number)
            guard due < end else { return }
            guard due <= now else {
                if !isWaitingForDue {
                    isWaitingForDue = true
                    later(.nanoseconds(due - now)) { crew in
                        crew.isWaitingForDue = false
                        crew.dispatch()
                    }
                }
                return
            }
            if now - due >= within {
                begun += 1
                record(.failed(.neverSent), since: due, now: now)
            } else if let slot = idle.popLast() {
                begun += 1
                begin(Errand(start: due, request: nextRequest()), in: slot)
            } else {
                return
            }
        }
    }

    private func nextRequest() -> Int {
        cursor = cursor + 1 < order.count ? cursor + 1 : 0
        return order[cursor]
    }

    private func begin(_ errand: Errand, in slot: Slot) {
        slot.errand = errand
        guard let wire = slot.wire, !wire.isClosed else { return open(errand, in: slot) }
        wire.send(requests[errand.request])
    }

    private func open(_ errand: Errand, in slot: Slot) {
        let prepared = PreparedRequest()
        let wire = LoadWire(prepared) { [weak self] wire, end in self?.ended(slot, wire, end) }
        slot.wire = wire
        wire.send(requests[errand.request])
        let handlers = NIOLoopBound((prepared, wire), eventLoop: loop)
        ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(within))
            .channelInitializer { [tls] channel in
                channel.eventLoop.makeCompletedFuture {
                    let (prepared, wire) = handlers.value
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        try pipeline.addHandler(tls.handler())
                    }
                    let decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)
                    try pipeline.addHandlers(prepared, ByteToMessageHandler(decoder), wire)
                }
            }
            .connect(to: address).assumeIsolated().whenFailure { [self] error in
                guard slot.wire === wire, slot.errand != nil else { return }
                wire.close()
                ended(slot, wire, .failed(.connecting(error)))
            }
    }

    // MARK: what became of it

    private func ended(_ slot: Slot, _ wire: LoadWire, _ end: LoadWire.End) {
        guard let errand = slot.errand, slot.wire === wire, !isStopped else { return }
        if case .stale = end {
            count(since: errand.start) { $0.resent += 1 }
            return open(errand, in: slot)
        }
        slot.errand = nil
        if wire.isClosed { slot.wire = nil }
        record(end, since: errand.start, now: Self.now())
        if timetable != nil {
            idle.append(slot)
            dispatch()
        } else if case .failed = end {
            // One that is refused at once would ask some thousand times a second.
            later(Self.pause) { $0.go(slot) }
        } else {
            go(slot)
        }
    }

    private func record(_ end: LoadWire.End, since start: Int64, now: Int64) {
        let microseconds = UInt64(max(0, now - start) / 1000)
        count(since: start) { figures in
            switch end {
            case .answered(let status) where (200...399).contains(status):
                figures.good += 1
                figures.latency.add(microseconds: microseconds)
            case .answered(let status): figures.faults[.status(status), default: 0] += 1
            case .failed(let fault):
                figures.faults[fault, default: 0] += 1
                if fault == .timedOut || fault == .neverSent {
                    figures.latency.add(microseconds: microseconds)
                }
            case .stale: break
            }
        }
    }

    private func count(since start: Int64, _ change: (inout LoadFigures) -> Void) {
        if start < lead { change(&tally.lead) } else { change(&tally.counted) }
    }

    /// Gives up requests whose time is over, and looks after a timetable that waits for a connection.
    private func sweepLater() {
        later(Self.sweep) { crew in
            let now = Self.now()
            for slot in crew.slots {
                guard let errand = slot.errand, now - errand.start >= crew.within, let wire = slot.wire else {
                    continue
                }
                wire.close()
                crew.ended(slot, wire, .failed(.timedOut))
            }
            crew.dispatch()
            crew.sweepLater()
        }
    }

    private func later(_ delay: TimeAmount, _ work: @escaping (LoadCrew) -> Void) {
        guard !isStopped else { return }
        loop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            if let self, !self.isStopped { work(self) }
        }
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// What the crews of one load have in common.
struct LoadPart: Sendable {
    let plan: LoadPlan
    let address: SocketAddress
    /// `nil` for plain HTTP.
    let tls: LoadTLS?
    let requests: [ByteBuffer]
    /// On the monotonic clock, in nanoseconds.
    let start: Int64
}

extension LoadFault {
    /// Why there is no connection.
    fileprivate static func connecting(_ error: any Error) -> LoadFault {
        switch error {
        case let error as IOError where error.errnoCode == ECONNREFUSED: .refused
        case let error as IOError: .unreachable(String(cString: strerror(error.errnoCode)))
        case ChannelError.connectTimeout: .timedOut
        default: .unreachable("\(type(of: error))")
        }
    }
}
