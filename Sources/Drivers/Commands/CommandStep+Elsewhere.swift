import ChildProcesses
import DeployCore
import DeployPorts
import SecureShell

/// Commands on other hosts.
extension CommandStep {
    /// Has the supervisor run `ssh`.
    ///
    /// The values go over its input, so that no list of processes, here or there, shows a secret.
    func remoteOrder(for attempt: StepAttempt, on host: SSHHost) throws(StepFailure) -> StepOrder {
        let variables = try ownEnvironment(of: attempt).sorted { $0.key < $1.key }
        let values = variables.map { "export \($0.key)=\(Self.word($0.value))\n" }.joined()
        let command =
            ["sh", "-c", Self.guardian, "sh", "\(values.utf8.count)"] + (try arguments(attempt.values))
        return StepOrder(
            arguments: launcher.client().arguments(host, command, isShared: false),
            environment: inherited(by: attempt),
            folder: folder,
            deadlineMilliseconds: Int(attempt.deadline.milliseconds),
            secrets: Array(attempt.values.secrets.values),
            input: values
        )
    }

    /// What becomes of `ssh` itself; `nil` when the command ran and its end is its own.
    ///
    /// Where nothing can have been started another attempt may help; where the connection broke later nobody knows
    /// how far the command came.
    func sshFailure(_ record: ExitRecord, _ process: SupervisedProcess) -> StepFailure? {
        guard let host, record.status == SSHComplaint.status, !record.timedOut, !record.cancelled else {
            return nil
        }
        let output = process.outputTail(limit: 8192)
        guard Self.lastLine(of: output).map(String.init) != Self.ownStatus else { return nil }
        let complaint = SSHComplaint(output)
        let text = "ssh failed: \(complaint.message(host, errors: output))"
        return complaint.isBeforeStart
            ? StepFailure("\(text); nothing of it has run", isTransient: complaint == .unreachable)
            : StepFailure("\(text); it is not known how far it came", isTransient: false)
    }

    /// Whether nobody knows what it had done until its end.
    func isLost(_ record: ExitRecord, _ process: SupervisedProcess) -> Bool {
        if record.isForeignSignal { return true }
        guard sshFailure(record, process) != nil else { return false }
        return !SSHComplaint(process.outputTail(limit: 8192)).isBeforeStart
    }

    /// What a host must have besides `sh`, for ``guardian``.
    package static let toolsElsewhere = ["dd", "cat", "sleep", "setsid"]

    /// Says that status 255 is the command's own and not ssh's.
    private static let ownStatus = "bgdeploy: the command itself exited with status 255"

    /// Takes the values from its input, so many bytes as its first argument says, and runs the rest of its
    /// arguments in a session of their own.
    ///
    /// The input stays open; when it ends because we end, or the connection does, so does the command: TERM, five
    /// seconds, KILL. Needs `sh`, `dd`, `cat`, `sleep` and `setsid`.
    private static let guardian = """
        values=$(dd bs=1 count="$1" 2>/dev/null) || exit 125
        eval "$values"
        unset values
        shift
        exec 3<&0 </dev/null
        setsid "$@" 3<&- &
        command=$!
        { cat <&3; kill -TERM "-$command"; sleep 5; kill -KILL "-$command"; } >/dev/null 2>&1 &
        guard=$!
        exec 3<&-
        wait "$command"
        status=$?
        kill "$guard" 2>/dev/null
        if [ "$status" = 255 ]; then echo '\(ownStatus)' >&2; fi
        exit "$status"
        """

    /// A word of the shell in any case.
    private static func word(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }

    private static func lastLine(of text: String) -> Substring? {
        text.split(whereSeparator: \.isNewline).last
    }
}
