package import DeployCore
import DeployPorts

/// `window`: hours, days and a place whose clocks count.
extension PlaybookDecoder {
    static let defaultPatience = Span.minutes(7 * 24 * 60)
    static let longestPatience = Span.minutes(366 * 24 * 60)

    func window(_ value: Parameter) -> WindowSettings {
        var reader = MapReader(value, "`window`", diagnostics: diagnostics)
        let only = reader.optional("only").map { hours($0, "only", reader) } ?? []
        let not = reader.optional("not").map { hours($0, "not", reader) } ?? []
        let freezes = reader.optional("freeze").map { self.freezes($0, reader) } ?? []
        let zone = reader.optional("zone").flatMap { self.zone($0, reader) } ?? "UTC"
        let stops = reader.optional("then").flatMap { onFailure($0, "then", proceed: "wait") } == .stop
        let patience =
            reader.optional("timeout").flatMap { self.patience($0, reader) } ?? Self.defaultPatience
        if case .map(let entries, _) = value, !entries.contains(where: { Self.windowTimes.contains($0.key) })
        {
            diagnostics.report(
                value.position,
                "`window` needs a time: `only`, `not` or `freeze`, such as `not: [Sat, Sun]`"
            )
        }
        reader.finish()
        return WindowSettings(
            window: DeployWindow(only: only, not: not, freezes: freezes),
            zone: zone,
            zones: catalogue.zones,
            stopsWhenClosed: stops,
            patience: patience
        )
    }

    private static let windowTimes = ["only", "not", "freeze"]

    private func hours(_ value: Parameter, _ key: String, _ reader: MapReader) -> [WindowHours] {
        items(of: value, key, reader) { text throws(WindowMistake) in try WindowHours(text) }
    }

    private func freezes(_ value: Parameter, _ reader: MapReader) -> [Freeze] {
        items(of: value, "freeze", reader) { text throws(WindowMistake) in try Freeze(text) }
    }

    private func items<Item>(
        of value: Parameter,
        _ key: String,
        _ reader: MapReader,
        _ read: (String) throws(WindowMistake) -> Item
    ) -> [Item] {
        guard let items = reader.list(of: value, key) else { return [] }
        if items.isEmpty { diagnostics.report(value.position, "`\(key)` must name at least one time") }
        return items.compactMap { item in
            guard let text = plain(of: item, key, reader) else { return nil }
            do throws(WindowMistake) {
                return try read(text)
            } catch {
                diagnostics.report(item.position, "`\(key)`: \(error)")
                return nil
            }
        }
    }

    private func zone(_ value: Parameter, _ reader: MapReader) -> String? {
        guard let name = plain(of: value, "zone", reader) else { return nil }
        let moment = Timestamp(milliseconds: 0)
        if catalogue.zones.offsets(of: name, from: moment, until: moment) != nil { return name }
        let hint = Spelling.nearest(to: name, among: catalogue.zones.names).map { "; did you mean `\($0)`?" }
        diagnostics.report(
            value.position,
            "there is no time zone `\(name)`\(hint ?? "; expected one such as UTC or America/New_York")"
        )
        return nil
    }

    private func patience(_ value: Parameter, _ reader: MapReader) -> Span? {
        guard let span = positive(value, "timeout", reader) else { return nil }
        guard span <= Self.longestPatience else {
            diagnostics.report(
                value.position,
                "`timeout` of a window must be \(Self.longestPatience) at most, found \(span)"
            )
            return nil
        }
        return span
    }
}

extension WindowSettings {
    /// A run may come to the window so long after it began, other gates before it included.
    private static let delay = Span.minutes(31 * 24 * 60)

    /// The window's times from `now` on, as the clocks of its place are known now.
    ///
    /// Without `now` it has none, and so never opens.
    package func gate(from now: Timestamp?) -> WindowGate {
        guard let now else { return WindowGate(openings: [], stops: stopsWhenClosed) }
        let end = now.advanced(by: patience).advanced(by: Self.delay)
        let offsets = zones.offsets(of: zone, from: now, until: end)
        return WindowGate(
            openings: offsets.map { window.openings(from: now, until: end, in: $0) } ?? [],
            stops: stopsWhenClosed
        )
    }
}
