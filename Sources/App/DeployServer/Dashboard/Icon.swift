/// Small drawings that say the same as a colour, for those who do not see it; the words stand beside them.
enum Icon: String {
    case check, cross, dot, ring, back, pause, warning, clock, hand, skip

    var markup: Markup {
        tag(
            "svg",
            .style("icon icon-\(rawValue)"),
            .other("viewBox", "0 0 16 16"),
            .other("aria-hidden", "true")
        ) {
            tag("path", .other("d", "\(path)"))
        }
    }

    /// Strokes, on 16 by 16.
    private var path: StaticString {
        switch self {
        case .check: "M3 8.5 6.5 12 13 4.5"
        case .cross: "M4 4 12 12M12 4 4 12"
        case .dot: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 1 1 0-5.6z"
        case .ring: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 1 1 0-9z"
        case .back: "M6.5 3.5 3 7l3.5 3.5M3 7h6.5a3.5 3.5 0 0 1 0 6H7"
        case .pause: "M5.5 3.5v9M10.5 3.5v9"
        case .warning: "M8 2.5 14.5 13.5h-13zM8 6.5v3.5M8 11.6v.4"
        case .clock: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 1 1 0-11zM8 5v3.2l2.2 1.6"
        case .hand: "M8 3a2.6 2.6 0 1 1 0 5.2A2.6 2.6 0 1 1 8 3zM3 13.5a5 5 0 0 1 10 0"
        case .skip: "M3.5 8h9"
        }
    }
}
