import DeployPorts

/// A bound of a figure as it is written: `> 5%`, `< 80`, `== 1`.
///
/// A percentage is a hundredth part: `5%` is the figure 0.05.
struct FigureCondition: Hashable, Sendable, CustomStringConvertible {
    // The longer ones first, since `<` begins `<=` too.
    private static let comparisons: [(sign: String, holds: @Sendable (Double, Double) -> Bool)] = [
        ("<=", { $0 <= $1 }), (">=", { $0 >= $1 }), ("!=", { $0 != $1 }), ("==", { $0 == $1 }),
        ("<", { $0 < $1 }), (">", { $0 > $1 }),
    ]

    private let sign: String
    private let number: Double
    /// As it was written.
    let description: String
    var isShare: Bool { description.hasSuffix("%") }

    init?(_ text: String) {
        guard let comparison = Self.comparisons.first(where: { text.hasPrefix($0.sign) }) else { return nil }
        var rest = text.dropFirst(comparison.sign.count).drop { $0 == " " }
        let isShare = rest.hasSuffix("%")
        if isShare { rest = rest.dropLast() }
        guard rest.first?.isNumber == true, let number = Double(rest), number.isFinite else { return nil }
        sign = comparison.sign
        self.number = isShare ? number / 100 : number
        description = text
    }

    func holds(of figure: Double) -> Bool {
        Self.comparisons.first { $0.sign == sign }.map { $0.holds(figure, number) } ?? false
    }

    /// The figure as the condition has it.
    func told(_ figure: Double) -> String {
        let scaled = isShare ? figure * 100 : figure
        let rounded = (scaled * 100).rounded() / 100
        let text = rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
        return isShare ? "\(text) %" : text
    }

    static func read(_ value: Parameter, _ key: String, _ reader: MapReader) -> FigureCondition? {
        guard let text = reader.text(of: value, key) else { return nil }
        if let condition = FigureCondition(text) { return condition }
        reader.diagnostics.report(
            value.position,
            "`\(key)` must be a bound of the figure, such as `> 5%` or `< 80`, found `\(text)`"
        )
        return nil
    }

    static func == (left: Self, right: Self) -> Bool { left.description == right.description }
    func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
