import PostgresClient

/// Rows as a person reads them: columns side by side.
struct PostgresTable {
    private static let widest = 60

    let lines: [String]

    init(_ answer: PostgresAnswer) {
        guard let first = answer.row else {
            lines = ["no row"]
            return
        }
        let rows = [first.map(\.column)] + answer.rows.map { $0.map { Self.text($0.value) } }
        let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        lines =
            rows.map { row in
                let cells = row.enumerated().map { column, text in
                    let space = String(repeating: " ", count: widths[column] - text.count)
                    return column == row.count - 1 ? text : text + space
                }
                return cells.joined(separator: "  ")
            } + (answer.isCut ? ["… and more"] : [])
    }

    private static func text(_ value: String?) -> String {
        guard let value else { return "–" }
        return PlainText.line(value, limit: widest)
    }
}
