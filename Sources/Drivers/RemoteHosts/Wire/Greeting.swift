import ChildProcesses

/// The first line that each side writes: what every version of bgdeploy can read of any other.
///
/// A key is never renamed, new ones are optional.
struct Greeting: Codable, Sendable {
    /// The version, such as `0.1.0`.
    var bgdeploy: String
    /// Of the language that follows.
    var language: Int

    /// Changed whenever one side could take the other's words for something else.
    static let language = 1
}

/// The near side's first line: which balancer is meant.
struct Opening: Codable, Sendable {
    var bgdeploy: String
    var language: Int
    /// The playbook's entry without `on`.
    var entry: WireParameter
    var service: String
    var environments: [Environment]
    var sticky: WireUserKey?
    var chosenKey: WireUserKey?
    var chosenUsers: [String]?
    /// The process that served this one before and was given up.
    var predecessor: ProcessName?

    struct Environment: Codable, Sendable {
        var name: String
        var url: String
        var servers: [String]
    }
}

/// The host's first line.
struct Opened: Codable, Sendable {
    var bgdeploy: String
    var language: Int
    var process: ProcessName
    /// The host's monotonic clock, in milliseconds: deadlines are told by it.
    var now: Int64
    /// Why it serves nothing.
    var refusal: String?
}
