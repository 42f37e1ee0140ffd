/// What is wrong with the environment; a fresh value means nothing is.
struct Faults: Sendable, Equatable {
    /// Answered instead of the real thing, to `errorRate` of the requests.
    var status = 500
    /// 0…1 of the requests.
    var errorRate = 0.0
    /// Added before every answer.
    var delayMilliseconds = 0
    /// `false` makes the health endpoint answer 503.
    var healthy = true
    /// No request is answered until this is switched off or the process ends.
    var hang = false
}

extension Faults: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case status, healthy, hang
        case errorRate = "error_rate"
        case delayMilliseconds = "delay_ms"
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Keys left out mean "no such fault"; a status alone means every request.
    ///
    /// - Throws: `DecodingError` on a value out of range, and on a key that is none, since a misspelt fault
    ///   that is silently off would look like a service that withstands it.
    init(from decoder: any Decoder) throws {
        let known = CodingKeys.allCases.map(\.stringValue)
        for key in try decoder.container(keyedBy: AnyKey.self).allKeys where !known.contains(key.stringValue)
        {
            throw Self.mistake(decoder, "\(key.stringValue) is no fault; there are \(known)")
        }
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let wantedStatus = try values.decodeIfPresent(Int.self, forKey: .status)
        status = wantedStatus ?? 500
        errorRate =
            try values.decodeIfPresent(Double.self, forKey: .errorRate) ?? (wantedStatus == nil ? 0 : 1)
        delayMilliseconds = try values.decodeIfPresent(Int.self, forKey: .delayMilliseconds) ?? 0
        healthy = try values.decodeIfPresent(Bool.self, forKey: .healthy) ?? true
        hang = try values.decodeIfPresent(Bool.self, forKey: .hang) ?? false
        guard (400...599).contains(status) else { throw Self.mistake(decoder, "status is 400…599") }
        guard (0...1).contains(errorRate) else { throw Self.mistake(decoder, "error_rate is 0…1") }
        guard (0...600_000).contains(delayMilliseconds) else {
            throw Self.mistake(decoder, "delay_ms is 0…600000")
        }
    }

    private static func mistake(_ decoder: any Decoder, _ text: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: text))
    }
}
