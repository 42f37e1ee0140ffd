import DeployPorts

/// Words that the language knows and this version does not carry out.
///
/// They are mistakes, so that nobody believes in a check or a notification that never happens.
enum NotAvailable {
    static let stepKinds = [
        "window", "notify",
    ]
    static let topLevel = ["notify"]
    static let afterwards = ["retire"]
    /// Beside a step's action, and in a balancer: another host.
    static let elsewhere = ["on"]

    static func message(_ word: String) -> String {
        "`\(word)` is not available in this version of bgdeploy"
    }

    /// `parameter` without `words`; each that was there is reported.
    static func strip(_ words: [String], from parameter: Parameter, _ diagnostics: Diagnostics) -> Parameter {
        guard case .map(let entries, let position) = parameter else { return parameter }
        for entry in entries where words.contains(entry.key) {
            diagnostics.report(entry.keyPosition, message(entry.key))
        }
        return .map(entries.filter { !words.contains($0.key) }, position: position)
    }
}
