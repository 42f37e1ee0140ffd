import ChildProcesses
import DeployCore

extension ExitRecord {
    var isSuccess: Bool { status == 0 && !timedOut && !cancelled }

    /// It was ended by a signal that was not ours.
    var isForeignSignal: Bool { signal != nil && !timedOut && !cancelled }

    /// Whether another attempt could end otherwise.
    var isTransientFailure: Bool { refusal == nil && !cancelled && !isForeignSignal }

    /// `3.2 s`, `1 min 05 s`.
    var duration: String {
        let tenths = (durationMilliseconds + 50) / 100
        guard tenths >= 600 else { return "\(tenths / 10).\(tenths % 10) s" }
        let seconds = tenths / 10 % 60
        return "\(tenths / 600) min \(seconds < 10 ? "0" : "")\(seconds) s"
    }

    /// What became of a command that did not succeed, to stand after its name.
    func describe(deadline: Span) -> String {
        if timedOut { return "timed out after \(deadline); it and all that it had started were ended" }
        if cancelled { return "was cancelled after \(duration); it and all that it had started were ended" }
        if let signal {
            return
                "was ended after \(duration) by \(Self.name(ofSignal: signal)), which bgdeploy did not send; "
                + "it is not known how far it came"
        }
        guard let status else { return "did not end within two seconds of SIGKILL" }
        // A shell reports a command that a signal ended as 128 + its number.
        let hint = status > 128 && status < 160 ? " (in a shell: \(Self.name(ofSignal: status - 128)))" : ""
        return "exited with status \(status)\(hint) after \(duration)"
    }

    private static func name(ofSignal number: Int32) -> String {
        let names: [Int32: String] = [
            1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
            9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM",
        ]
        return names[number] ?? "signal \(number)"
    }
}

extension SupervisionError {
    /// Whether another attempt could help: after a lost one nobody knows what it would meet.
    var isTransient: Bool {
        switch self {
        case .cannotStart: true
        case .unusableFolder, .notStarted, .lost, .leftRunning: false
        }
    }
}
