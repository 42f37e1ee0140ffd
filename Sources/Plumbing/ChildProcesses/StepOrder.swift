/// What a supervisor is to run.
///
/// Goes to it through memory, since it holds secrets: never as an argument,
/// never to a disk.
package struct StepOrder: Codable, Sendable {
    package var arguments: [String]
    /// The whole environment of the command.
    package var environment: [String: String]
    /// Where it runs.
    package var folder: String
    package var deadlineMilliseconds: Int
    /// Between TERM and KILL.
    package var graceMilliseconds: Int
    /// Masked in everything that is kept.
    package var secrets: [String]
    /// What the command reads from its standard input, which then stays open until the command is to end; `nil`
    /// for an empty one.
    ///
    /// For a command that runs another one elsewhere: the input's end tells it to end that, and the grace runs
    /// before the signals do.
    package var input: String?
    /// Of the output, in bytes: what is kept of its beginning and of its end.
    package var headLimit: Int
    package var tailLimit: Int

    package init(
        arguments: [String],
        environment: [String: String],
        folder: String,
        deadlineMilliseconds: Int,
        graceMilliseconds: Int = 5000,
        secrets: [String] = [],
        input: String? = nil,
        headLimit: Int = 4_194_304,
        tailLimit: Int = 1_048_576
    ) {
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.deadlineMilliseconds = deadlineMilliseconds
        self.graceMilliseconds = graceMilliseconds
        self.secrets = secrets
        self.input = input
        self.headLimit = headLimit
        self.tailLimit = tailLimit
    }
}

/// How a supervised command ended, as its folder keeps it.
///
/// Persisted as JSON; a key is never renamed, new ones are optional.
package struct ExitRecord: Hashable, Codable, Sendable {
    /// The exit status, when it ended by itself or after TERM.
    package var status: Int32?
    /// The signal that ended it.
    package var signal: Int32?
    /// Its deadline passed and its process group was ended.
    package var timedOut: Bool
    /// It was told to stop and its process group was ended.
    package var cancelled: Bool
    /// Why nothing of it was started; then there is neither status nor signal.
    package var refusal: String?
    package var durationMilliseconds: Int
    /// Of its output, before anything was left out.
    package var outputBytes: Int

    package init(
        status: Int32? = nil,
        signal: Int32? = nil,
        timedOut: Bool = false,
        cancelled: Bool = false,
        refusal: String? = nil,
        durationMilliseconds: Int = 0,
        outputBytes: Int = 0
    ) {
        self.status = status
        self.signal = signal
        self.timedOut = timedOut
        self.cancelled = cancelled
        self.refusal = refusal
        self.durationMilliseconds = durationMilliseconds
        self.outputBytes = outputBytes
    }
}

/// Which process supervises, so that it can be told from a later one with the same number.
struct SupervisorIdentity: Codable {
    var process: Int32
    /// Field 22 of `/proc/PID/stat`.
    var startTicks: Int
    /// `/proc/sys/kernel/random/boot_id`.
    var boot: String
}
