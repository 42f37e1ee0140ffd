/// What tells one user from another in a request.
///
/// A request without the cookie or header counts by its client's address.
public enum UserKey: Hashable, Sendable, CustomStringConvertible {
    case cookie(String)
    case header(String)
    case address

    /// As the playbook has it: `cookie:session`, `header:X-User-Id`, `address`.
    public var description: String {
        switch self {
        case .cookie(let name): "cookie:\(name)"
        case .header(let name): "header:\(name)"
        case .address: "address"
        }
    }
}

/// The users who go to the candidate whatever its share is.
public struct ChosenUsers: Hashable, Sendable {
    /// A cookie or a header.
    public let key: UserKey
    /// Distinct, of `[0-9A-Za-z._@+=-]`, 1 through 128 characters, not beginning with a dot.
    public let values: [String]

    public init(key: UserKey, values: [String]) {
        self.key = key
        self.values = values
    }
}
