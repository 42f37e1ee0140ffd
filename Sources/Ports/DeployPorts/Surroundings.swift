public import DeployCore

/// Where the artifacts of steps live, and the record of which attempts were begun.
///
/// A folder is made, durably, before its attempt begins: an attempt without a folder was never begun.
public protocol AttemptFolders: Sendable {
    /// The highest attempt of `step` that was begun; `nil` when none was.
    func latestAttempt(of step: StepID, in run: RunID) -> Int?
    /// Makes the folder of an attempt and returns its path.
    func begin(_ attempt: Int, of step: StepID, in run: RunID) throws(StepFailure) -> String
    /// The path of an attempt's folder, made or not.
    func path(of attempt: Int, of step: StepID, in run: RunID) -> String
}

/// Asks a server whether it takes connections at all.
public protocol ServerProbe: Sendable {
    /// Returns why `server` (`host:port`) refuses connections; `nil` when it takes them or nothing is known, as
    /// behind a firewall that only the balancer passes. Answers within a second.
    func refusal(of server: String) async -> String?
}
