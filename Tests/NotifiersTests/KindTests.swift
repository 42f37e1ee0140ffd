import DeployPorts
import Foundation
import Testing

@testable import Notifiers

/// What editors are told of a channel, and what is read of it.
@Suite struct KindTests {
    @Test(arguments: NotifierKinds.all().map(\.key))
    func `schema and reader know the same keys`(key: String) throws {
        let kind = try #require(NotifierKinds.all().first { $0.key == key })
        let diagnostics = Diagnostics()
        let unknown = Parameter.Entry(
            key: "qqqqqqqqqqqqqqqq",
            keyPosition: .unknown,
            value: .scalar(Parameter.Scalar(text: "1", isQuoted: false, position: .unknown))
        )
        var reader = MapReader(.map([unknown], position: .unknown), "a channel", diagnostics: diagnostics)
        _ = kind.make(&reader)
        reader.finish()
        let messages = diagnostics.all.map(\.message)
        let list = try #require(
            messages.compactMap { $0.components(separatedBy: "; it takes ").dropFirst().first }.first
        )
        #expect(list.components(separatedBy: ", ") == kind.properties.map(\.key).sorted())
        let missing = messages.compactMap {
            $0.components(separatedBy: "needs the key `").dropFirst().first?.dropLast()
        }
        #expect(Set(missing.map(String.init)) == Set([kind.key] + kind.required))
        for property in kind.properties {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(property.schema.utf8)) }
        }
        #expect(!kind.topics.isEmpty)
    }
}
