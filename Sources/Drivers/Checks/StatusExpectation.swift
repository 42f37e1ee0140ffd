import DeployPorts

/// The statuses that are welcome: `200`, `2xx` or a list of them.
struct StatusExpectation: Hashable, Sendable, CustomStringConvertible {
    let ranges: [ClosedRange<Int>]

    static let success = StatusExpectation(ranges: [200...299])

    static func read(_ value: Parameter, with reader: MapReader) -> StatusExpectation? {
        let items = if case .list(let items, _) = value { items } else { [value] }
        let ranges = items.compactMap { item in range(item, with: reader) }
        if items.isEmpty { reader.diagnostics.report(value.position, "`status` names no status") }
        return ranges.isEmpty ? nil : StatusExpectation(ranges: ranges)
    }

    private static func range(_ item: Parameter, with reader: MapReader) -> ClosedRange<Int>? {
        if case .scalar(let scalar) = item {
            if let status = Int(scalar.text), (100...599).contains(status) { return status...status }
            let hundred = scalar.text.first?.wholeNumberValue ?? 0
            if (1...5).contains(hundred), scalar.text.dropFirst().lowercased() == "xx" {
                return hundred * 100...hundred * 100 + 99
            }
        }
        reader.diagnostics.report(
            item.position,
            "`status` must be a status such as 200, a class such as 2xx, or a list of them, "
                + "found \(item.kindDescription)"
        )
        return nil
    }

    func contains(_ status: Int) -> Bool { ranges.contains { $0.contains(status) } }

    var description: String {
        let texts = ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)..\($0.upperBound)" }
        return texts.joined(separator: " or ")
    }
}
