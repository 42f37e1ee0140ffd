package import DeployCore
package import DeployPorts
import HTTPClient

/// GET requests to one address, each on a connection of its own and as another user.
package struct SyntheticRequests: SyntheticTraffic {
    package let every: Span
    private let url: String
    private let sticky: UserKey?
    private let client = HTTPClient()

    /// What tells the requests from users' in access logs.
    package static let agent = "bgdeploy-probe"
    private static let deadline = Duration.seconds(2)

    /// `sticky` is what tells one user from another at the balancers; `nil` where nothing does.
    package init(url: String, every: Span, sticky: UserKey?) {
        self.url = url
        self.every = every
        self.sticky = sticky
    }

    package func send() async {
        let request = HTTPRequest(
            url: url,
            headers: [HTTPHeader("User-Agent", Self.agent)] + userHeaders(),
            deadline: Self.deadline
        )
        // What became of it is in the balancer's log, as with every request.
        _ = try? await client.send(request)
    }

    private func userHeaders() -> [HTTPHeader] {
        let user = "probe-\(UInt32.random(in: .min ... .max))"
        return switch sticky {
        case .cookie(let name): [HTTPHeader("Cookie", "\(name)=\(user)")]
        case .header(let name): [HTTPHeader(name, user)]
        case .address, nil: []
        }
    }
}
