package import DeployOperations

/// A piece of a page as a tree, so that text stays text: only ``text`` writes markup, and it escapes.
package indirect enum Markup: Sendable {
    case text(String)
    case element(tag: StaticString, attributes: [Attribute], content: [Markup])
    case group([Markup])
    /// Drawn already, by our own code.
    case chart(TrafficChart)

    package static let nothing = Markup.group([])

    /// An attribute; its value is always quoted and escaped.
    package struct Attribute: Sendable {
        let name: StaticString
        let value: String
    }
}

extension Markup: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .text(value) }
}

/// Puts a tree together from statements.
@resultBuilder
package enum MarkupBuilder {
    package static func buildExpression(_ markup: Markup) -> [Markup] { [markup] }
    package static func buildExpression(_ markup: [Markup]) -> [Markup] { markup }
    package static func buildBlock(_ parts: [Markup]...) -> [Markup] { parts.flatMap(\.self) }
    package static func buildOptional(_ part: [Markup]?) -> [Markup] { part ?? [] }
    package static func buildEither(first: [Markup]) -> [Markup] { first }
    package static func buildEither(second: [Markup]) -> [Markup] { second }
    package static func buildArray(_ parts: [[Markup]]) -> [Markup] { parts.flatMap(\.self) }
}

/// One element.
///
/// Tags and names of attributes are literals of this program; values and content are whatever they are.
func tag(
    _ tag: StaticString,
    _ attributes: Markup.Attribute?...,
    @MarkupBuilder content: () -> [Markup] = { [] }
) -> Markup {
    .element(tag: tag, attributes: attributes.compactMap(\.self), content: content())
}

// MARK: attributes

extension Markup.Attribute {
    static func id(_ value: String) -> Self { Self(name: "id", value: value) }
    static func style(_ classes: String) -> Self { Self(name: "class", value: classes) }
    static func href(_ place: Place) -> Self { Self(name: "href", value: place.path) }
    static func action(_ place: Place) -> Self { Self(name: "action", value: place.path) }
    static func name(_ value: String) -> Self { Self(name: "name", value: value) }
    static func value(_ value: String) -> Self { Self(name: "value", value: value) }
    static func type(_ value: StaticString) -> Self { Self(name: "type", value: "\(value)") }
    static func label(_ value: String) -> Self { Self(name: "aria-label", value: value) }
    static func role(_ value: StaticString) -> Self { Self(name: "role", value: "\(value)") }

    /// Any other.
    ///
    /// Not for what a browser would run or load: those have a function of their own, or there are none.
    static func other(_ name: StaticString, _ value: String) -> Self { Self(name: name, value: value) }
    /// One that is there or not.
    static func flag(_ name: StaticString, if isThere: Bool = true) -> Self? {
        isThere ? Self(name: name, value: "") : nil
    }
}

// MARK: writing

extension Markup {
    package var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    private static let empty: Set<String> = ["input", "meta", "link", "br", "rect", "path", "line", "circle"]

    private func write(to text: inout String) {
        switch self {
        case .text(let raw): text += Self.escaped(raw)
        case .group(let parts): for part in parts { part.write(to: &text) }
        case .chart(let chart): text += chart.svg
        case .element(let tag, let attributes, let content):
            text += "<\(tag)"
            for attribute in attributes { text += " \(attribute.name)=\"\(Self.escaped(attribute.value))\"" }
            guard !content.isEmpty || !Self.empty.contains("\(tag)") else { return text += "/>" }
            text += ">"
            for part in content { part.write(to: &text) }
            text += "</\(tag)>"
        }
    }

    /// Nothing in it is markup, ends an attribute, steers a terminal or turns the line around.
    static func escaped(_ raw: String) -> String {
        var text = ""
        for scalar in RunReport.escaped(raw).unicodeScalars {
            switch scalar.value {
            case 0x27: text += "&#39;"
            // The Arabic letter mark, and what XML does not know.
            case 0x061C, 0xFFFE, 0xFFFF: text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
