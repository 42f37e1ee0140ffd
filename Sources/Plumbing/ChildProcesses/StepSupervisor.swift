import CSpawn
import FoundationEssentials
import Glibc

/// The process between the orchestrator and a step's command, in a session of its own, so that the command's
/// end is recorded even if the orchestrator is killed.
package enum StepSupervisor {
    /// The argument that turns the program into a supervisor; the folder follows.
    package static let verb = "supervise-step"

    /// How long output is waited for when the command has ended and something still holds its pipe.
    static let linger = 200

    /// Reads an order from standard input, claims `folder`, runs the command and records its end.
    ///
    /// To be called before the program does anything else. Answers on standard output: one byte of ``Answer``,
    /// and a text after `.failed`. SIGTERM cancels the command.
    package static func main(folder path: String) -> Never {
        for ignored in [SIGHUP, SIGINT, SIGPIPE] { signal(ignored, SIG_IGN) }
        // The command gets 022; every file of ours is opened with its mode.
        umask(0o022)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        limit.rlim_cur = 0
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        let signals = blockedTermination()
        guard let input = Descriptor(dup(0)),
            let order = try? JSONDecoder().decode(StepOrder.self, from: Data(input.readAll()))
        else { end(.failed, "the order could not be read") }
        close(0)
        guard chdir("/") == 0, Glibc.open("/dev/null", O_RDWR) == 0 else {
            end(.failed, "/dev/null cannot be opened")
        }
        do throws(SupervisionError) {
            try supervise(order, in: StepFolder(path), signals: signals)
        } catch {
            end(.failed, error.message)
        }
        exit(0)
    }

    enum Answer: UInt8 {
        case claimed = 1
        case takenByAnother
        case failed
    }

    private static func supervise(
        _ order: StepOrder,
        in folder: consuming StepFolder,
        signals: Int32
    ) throws(SupervisionError) {
        // Before the lock is touched: while a twin held it, a step that was lost would look like one that runs.
        guard !folder.has(.claim) else { end(.takenByAnother) }
        guard let lock = folder.lock() else {
            if folder.isLocked { end(.takenByAnother) }
            throw .cannotStart("lock: \(systemErrorText(errno))")
        }
        guard !folder.has(.claim) else { end(.takenByAnother) }
        guard folder.reserveExit() else { throw .cannotStart("no space for the exit record") }
        guard let claim = folder.open(.claim, O_WRONLY | O_CREAT | O_EXCL) else {
            if errno == EEXIST { end(.takenByAnother) }
            throw .cannotStart("claim: \(systemErrorText(errno))")
        }
        let identity = SupervisorIdentity(
            process: getpid(),
            startTicks: ProcessTable.startTicks(of: getpid()) ?? 0,
            boot: ProcessTable.bootID()
        )
        // The claim must outlast a loss of power: without it the command would be run again.
        if let file = folder.open(.process, O_WRONLY | O_CREAT),
            let bytes = try? JSONEncoder().encode(identity),
            file.write(Array(bytes)[...]), fsync(file.raw) == 0, fsync(claim.raw) == 0, folder.sync()
        {
            answer(.claimed)
            let record = run(order, in: folder, signals: signals)
            // Nothing better to do on a broken disk than to leave a claim without an exit: unknown.
            _ = folder.writeExit(record)
        } else {
            answer(.claimed)
            _ = folder.writeExit(ExitRecord(refusal: "\(StepFolder.File.process): \(systemErrorText(errno))"))
        }
        withExtendedLifetime(lock.raw) {}
    }

    private static func run(_ order: StepOrder, in folder: borrowing StepFolder, signals: Int32) -> ExitRecord
    {
        let spawn = Spawn(arguments: order.arguments, environment: order.environment, folder: order.folder)
        guard let file = folder.open(.output, O_WRONLY | O_CREAT | O_APPEND),
            let input = StepInput(order.input),
            let pipe = Pipe()
        else { return ExitRecord(refusal: systemErrorText(errno)) }
        let begin = monotonicMilliseconds()
        let process: pid_t
        do throws(ShortCommandError) {
            process = try spawn.start(
                input: input.readEnd.raw,
                output: pipe.writeEnd.raw,
                errors: pipe.writeEnd.raw
            )
        } catch {
            return ExitRecord(refusal: error.message)
        }
        let held = input.intoWriteEnd()
        var watch = ChildWatch(
            process: process,
            output: pipe.intoReadEnd(),
            deadline: order.deadlineMilliseconds,
            grace: order.graceMilliseconds,
            linger: linger,
            cancellation: signals,
            heldInput: held
        )
        var output = CappedOutput(file, headLimit: order.headLimit, tailLimit: order.tailLimit)
        var redactor = Redactor(secrets: order.secrets)
        var count = 0
        let end = watch.run { bytes in
            count += bytes.count
            output.write(redactor.feed(bytes))
        }
        output.write(redactor.finish())
        output.finish()
        var record = ExitRecord(
            timedOut: end.cause == .timedOut,
            cancelled: end.cause == .cancelled,
            durationMilliseconds: monotonicMilliseconds() - begin,
            outputBytes: count
        )
        switch end.status {
        case .exited(let status): record.status = status
        case .signalled(let signal): record.signal = signal
        case nil: break
        }
        return record
    }

    /// Readable once SIGTERM has come, which from now on does nothing else; −1 when that cannot be had.
    private static func blockedTermination() -> Int32 {
        var termination = sigset_t()
        sigemptyset(&termination)
        sigaddset(&termination, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &termination, nil)
        return signalfd(-1, &termination, O_CLOEXEC)
    }

    private static func answer(_ answer: Answer, _ text: String = "") {
        let bytes = [answer.rawValue] + Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
        // Whoever waits for the end of the answer must not wait for the command.
        dup2(2, 1)
    }

    private static func end(_ last: Answer, _ text: String = "") -> Never {
        answer(last, text)
        exit(0)
    }
}
