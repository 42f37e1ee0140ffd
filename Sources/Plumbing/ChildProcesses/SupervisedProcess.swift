import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// A command that is run at most once, outlives us, and can be found again: everything about it is in its folder.
package struct SupervisedProcess: Sendable {
    package enum State: Hashable, Sendable {
        /// Nobody has begun it; it may be started.
        case notStarted
        /// `supervisor` is `nil` for the moment before it is known.
        case running(supervisor: Int32?)
        case ended(ExitRecord)
        /// It was begun, and its supervisor is gone without a record.
        case unknown
    }

    /// Exclusively its own.
    ///
    /// Created, mode 0700, by ``start(_:executable:)``; the folder above must exist.
    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// How long a new supervisor has to claim the folder, in milliseconds.
    private static let patience = 15_000

    /// Has `executable`, our own program, supervise `order`, and returns when it has claimed the folder.
    ///
    /// If somebody else has claimed it, before or at the same moment, nothing is started and the call returns
    /// all the same: attach with ``wait(following:)``.
    ///
    /// - Throws: `.cannotStart` and `.unusableFolder`, after which nothing has run.
    package func start(_ order: StepOrder, executable: String) async throws(SupervisionError) {
        try await onThread { () throws(SupervisionError) in try launch(order, executable: executable) }
    }

    /// What its folder says now.
    package func state() -> State {
        // The order matters: claim, lock, exit. A claim that was there before the lock was seen free belongs to
        // a supervisor that has ended, and one that ended in order has left its exit before it let go.
        guard access(folder, F_OK) == 0 else { return .notStarted }
        guard let folder = try? StepFolder(folder) else { return .unknown }
        let isClaimed = folder.has(.claim)
        let isLocked = folder.isLocked
        if let record = folder.exitRecord { return .ended(record) }
        if isLocked { return .running(supervisor: folder.supervisor?.process) }
        return isClaimed ? .unknown : .notStarted
    }

    /// Hands every line of output to `follow`, from the first one on, and returns how the command ended.
    ///
    /// Cancelling the task cancels the command, and the call still returns only when it has ended; unless `leaves`
    /// says then that it shall run on.
    /// - Throws: `.notStarted`, `.lost`, `.leftRunning`.
    package func wait(
        following follow: @escaping @Sendable (String) -> Void,
        leaving leaves: @escaping @Sendable () -> Bool = { false }
    ) async throws(SupervisionError) -> ExitRecord {
        let isCancelled = Mutex(false)
        let result: Result<ExitRecord, SupervisionError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                DispatchQueue(label: "SupervisedProcess").async {
                    continuation.resume(
                        returning: Result { () throws(SupervisionError) in
                            try watch(following: follow, leaving: leaves) { isCancelled.withLock { $0 } }
                        }
                    )
                }
            }
        } onCancel: {
            isCancelled.withLock { $0 = true }
        }
        return try result.get()
    }

    /// Tells the supervisor to end the command's process group: TERM, the order's grace, KILL.
    ///
    /// Returns at once,
    /// `false` when there is no living supervisor or it has not yet said who it is.
    @discardableResult
    package func cancel() -> Bool {
        guard let folder = try? StepFolder(folder), folder.isLocked, let supervisor = folder.supervisor,
            supervisor.boot == ProcessTable.bootID(),
            supervisor.startTicks == ProcessTable.startTicks(of: supervisor.process)
        else { return false }
        return kill(supervisor.process, SIGTERM) == 0
    }

    /// Up to `limit` bytes from the end of the output as it is now, invalid UTF-8 repaired.
    package func outputTail(limit: Int = 65_536) -> String {
        guard let folder = try? StepFolder(folder), let file = folder.open(.output, O_RDONLY) else {
            return ""
        }
        let length = lseek(file.raw, 0, SEEK_END)
        lseek(file.raw, max(0, length - limit), SEEK_SET)
        return String(decoding: file.readAll(limit: limit), as: UTF8.self)
    }

    // MARK: on a thread that may block

    private func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SupervisionError) -> Value
    ) async throws(SupervisionError) -> Value {
        let result: Result<Value, SupervisionError> = await withCheckedContinuation { continuation in
            DispatchQueue(label: "SupervisedProcess").async {
                continuation.resume(returning: Result { () throws(SupervisionError) in try body() })
            }
        }
        return try result.get()
    }

    private func launch(_ order: StepOrder, executable: String) throws(SupervisionError) {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw .unusableFolder("\(folder): \(systemErrorText(errno))")
        }
        _ = try StepFolder(folder)
        var order = order
        order.folder = absolute(order.folder)
        guard let json = try? JSONEncoder().encode(order),
            let input = Descriptor.memory(holding: Array(json)),
            let null = Descriptor.null(O_RDWR), let pipe = Pipe()
        else { throw .cannotStart("the supervisor: \(systemErrorText(errno))") }
        let spawn = Spawn(
            arguments: [executable, StepSupervisor.verb, absolute(folder)],
            environment: ProcessTable.environment(),
            newSession: true
        )
        let supervisor: pid_t
        do throws(ShortCommandError) {
            supervisor = try spawn.start(input: input.raw, output: pipe.writeEnd.raw, errors: null.raw)
        } catch {
            throw .cannotStart("the supervisor: \(error.message)")
        }
        let answers = pipe.intoReadEnd()
        let answer = firstAnswer(from: answers)
        if answer.first == nil { kill(supervisor, SIGKILL) }
        // It is our child for as long as we live.
        DispatchQueue(label: "SupervisedProcess.reap").async { waitpid(supervisor, nil, 0) }
        switch answer.first.flatMap(StepSupervisor.Answer.init) {
        case .claimed, .takenByAnother: return
        case .failed:
            throw .cannotStart("the supervisor: \(String(decoding: answer.dropFirst(), as: UTF8.self))")
        case nil:
            // Killed before it claimed: nothing has run. After: `wait` tells what is known.
            guard state() == .notStarted else { return }
            throw .cannotStart("the supervisor did not begin within \(Self.patience / 1000) s")
        }
    }

    private func firstAnswer(from pipe: borrowing Descriptor) -> [UInt8] {
        var polls = [pollfd(fd: pipe.raw, events: Int16(POLLIN), revents: 0)]
        let end = monotonicMilliseconds() + Self.patience
        while poll(&polls, 1, Int32(max(0, end - monotonicMilliseconds()))) < 0, errno == EINTR {}
        return polls[0].revents == 0 ? [] : pipe.readAll(limit: 4096)
    }

    private func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return "\(String(cString: here))/\(path)"
    }

    private func watch(
        following follow: (String) -> Void,
        leaving leaves: () -> Bool,
        isCancelled: () -> Bool
    ) throws(SupervisionError) -> ExitRecord {
        let folder = try StepFolder(folder)
        var follower = OutputFollower()
        var pause: Int32 = 5
        var isTold = false
        while true {
            // Asked before the output is read, so that what was written before the end is not missed.
            let state = state()
            if follower.follow(folder, follow) { pause = 5 }
            switch state {
            case .ended(let record):
                follower.finish(follow)
                return record
            case .notStarted: throw .notStarted
            case .unknown:
                follower.finish(follow)
                throw .lost
            case .running: break
            }
            if !isTold, isCancelled() {
                if leaves() { throw .leftRunning }
                isTold = cancel()
            }
            poll(nil, 0, pause)
            pause = min(100, pause * 2)
        }
    }
}
