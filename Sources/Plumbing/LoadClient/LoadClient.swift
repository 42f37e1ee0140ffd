internal import Glibc
internal import HTTPClient
internal import NIOCore
internal import NIOPosix

/// Why no load could be made at all; nothing was sent.
package enum LoadProblem: Error, Hashable, Sendable {
    case badPlan(String)
    case unresolved(host: String)
    /// A link-local address: a check has no business there, and clouds hand out credentials there.
    case forbidden(address: String)
    /// Fewer descriptors than connections.
    case tooFewDescriptors(limit: Int, needed: Int)
    case tls(reason: String)
    case cancelled
    case failed(reason: String)
}

/// How far a load has come.
package struct LoadProgress: Sendable {
    /// From the beginning, with what is not counted.
    package let elapsed: Duration
    /// The second that has just passed, counted or not.
    package let second: LoadFigures
    /// Everything that counts.
    package let total: LoadFigures
    /// How much of the counted time has passed.
    package let counted: Duration
}

/// Makes HTTP load: many connections that are kept, on a few threads of its own.
///
/// What a server sends is read and not kept, so that it can take neither memory nor, beyond the request's time,
/// patience. No redirect is followed.
package struct LoadClient: Sendable {
    package init() {}

    /// Carries `plan` out and tells what came of it.
    ///
    /// Calls `observe` once a second; when it returns `false` the load ends at once, and the figures are those
    /// until then. After the last request was begun those under way get their time to be answered. When the call
    /// returns, also because the task was cancelled, every connection is closed.
    package func run(
        _ plan: LoadPlan,
        observe: @Sendable (LoadProgress) -> Bool
    ) async throws(LoadProblem) -> LoadProgress {
        if let complaint = plan.complaint { throw .badPlan(complaint) }
        try Self.checkDescriptors(plan.connections + plan.otherDescriptors)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: plan.threads)
        let result: Result<LoadProgress, LoadProblem>
        do throws(LoadProblem) {
            result = .success(try await run(plan, on: group, observe))
        } catch {
            result = .failure(error)
        }
        do { try await group.shutdownGracefully() } catch {
            throw .failed(reason: "the threads of the load did not end: \(error)")
        }
        return try result.get()
    }

    private func run(
        _ plan: LoadPlan,
        on group: MultiThreadedEventLoopGroup,
        _ observe: (LoadProgress) -> Bool
    ) async throws(LoadProblem) -> LoadProgress {
        let tls = plan.target.isSecure ? try LoadTLS(plan.target) : nil
        let address = try await Self.address(of: plan.target, on: group.next())
        let loops = Array(group.makeIterator())
        try await Self.started(loops)
        let part = LoadPart(
            plan: plan,
            address: address,
            tls: tls,
            requests: plan.requests.map { ByteBuffer(string: plan.text(of: $0)) },
            start: LoadCrew.now()
        )
        var crews: [NIOLoopBound<LoadCrew>] = []
        var progress: LoadProgress
        do {
            for (number, loop) in loops.enumerated() {
                crews.append(
                    try await loop.submit {
                        let crew = LoadCrew(part, number: number, on: loop)
                        crew.begin()
                        return NIOLoopBound(crew, eventLoop: loop)
                    }.get()
                )
            }
            progress = try await watch(crews, part, group.next(), observe)
            for crew in crews { try await crew.eventLoop.submit { crew.value.stop() }.get() }
        } catch {
            throw .failed(reason: "\(error)")
        }
        if Task.isCancelled { throw .cancelled }
        return progress
    }

    /// Adds up what the crews bring, second by second, until they are done or nobody wants more.
    private func watch(
        _ crews: [NIOLoopBound<LoadCrew>],
        _ part: LoadPart,
        _ loop: any EventLoop,
        _ observe: (LoadProgress) -> Bool
    ) async throws -> LoadProgress {
        var (second, total, next) = (LoadFigures(), LoadFigures(), part.start + 1_000_000_000)
        while true {
            // Also looks whether the task was cancelled.
            try await loop.scheduleTask(in: .milliseconds(50)) {}.futureResult.get()
            let now = LoadCrew.now()
            var isDone = true
            for crew in crews {
                isDone = try await crew.eventLoop.submit { crew.value.isDone }.get() && isDone
            }
            let isOver = isDone || Task.isCancelled
            guard now >= next || isOver else { continue }
            next += 1_000_000_000
            for crew in crews {
                let tally = try await crew.eventLoop.submit { crew.value.take() }.get()
                second += tally.lead
                second += tally.counted
                total += tally.counted
            }
            let elapsed = Duration.nanoseconds(now - part.start)
            let progress = LoadProgress(
                elapsed: elapsed,
                second: second,
                total: total,
                counted: max(.zero, min(elapsed - part.plan.lead, part.plan.length))
            )
            second = LoadFigures()
            if isOver || !observe(progress) { return progress }
        }
    }

    // MARK: what must be true first

    /// Waits until every thread is there: starting one may take longer than a request.
    private static func started(_ loops: [any EventLoop]) async throws(LoadProblem) {
        do {
            for loop in loops { try await loop.submit {}.get() }
        } catch {
            throw .failed(reason: "\(error)")
        }
    }

    private static func checkDescriptors(_ needed: Int) throws(LoadProblem) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        guard limit.rlim_cur >= needed else {
            throw .tooFewDescriptors(limit: Int(clamping: limit.rlim_cur), needed: needed)
        }
    }

    /// The first address of the host, looked up once, so that no request waits for a name.
    private static func address(
        of target: ConnectionTarget,
        on loop: any EventLoop
    ) async throws(LoadProblem) -> SocketAddress {
        let place = target.connectTo ?? HTTPEndpoint(host: target.host, port: target.port)
        let address: SocketAddress
        do {
            address = try await loop.submit {
                try SocketAddress.makeAddressResolvingHost(place.host, port: place.port)
            }.get()
        } catch {
            throw .unresolved(host: place.host)
        }
        let text = address.ipAddress?.lowercased() ?? ""
        let isLinkLocal = ["169.254.", "::ffff:169.254.", "fe80:", "fd00:ec2::254"].contains {
            text.hasPrefix($0)
        }
        if isLinkLocal { throw .forbidden(address: text) }
        return address
    }
}

extension LoadPlan {
    fileprivate func text(of request: Request) -> String {
        let own = ["Host: \(host)", "User-Agent: bgdeploy", "Accept: */*"]
        let lines = own + headers.map { "\($0.name): \($0.value)" }
        return "GET \(request.path) HTTP/1.1\r\n\(lines.joined(separator: "\r\n"))\r\n\r\n"
    }
}
