/// What the gate would say of a run that begins now.
package struct GateForecast: Hashable, Sendable {
    /// In the order in which they would be applied.
    package let pending: [String]
    /// One line: `2 migrations: stable version compatible, lock brief`.
    package let summary: String
    /// Each finding as a line.
    package let lines: [String]
    package let report: LintReport
    /// Why the run would end here; `nil` when it would go on.
    package let obstacle: String?
}
