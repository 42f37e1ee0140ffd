package import DeployCore

/// Which of two colours stands for an environment, in charts and on pages; its name stands beside it.
package enum Tone: String, Sendable {
    case blue, green

    /// An environment that is called after a colour has it; any other pair keeps its two, whichever is live.
    package init(of name: EnvironmentName, beside other: EnvironmentName) {
        switch (name.rawValue, other.rawValue) {
        case ("blue", _), (_, "green"): self = .blue
        case ("green", _), (_, "blue"): self = .green
        default: self = name < other ? .blue : .green
        }
    }
}
