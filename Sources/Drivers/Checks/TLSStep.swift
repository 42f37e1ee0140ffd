import DeployCore
package import DeployPorts
import Glibc
package import HTTPClient

/// A server's certificate is trusted, is the right one and lasts: the playbook's `tls`.
package struct TLSStep: StepAction {
    /// `host:port`, or an https or wss URL.
    let address: Template
    /// For SNI and the certificate's name; the host of ``address`` when absent.
    let name: Template?
    /// What must at least be left.
    let days: Int
    let minimumVersion: ConnectionTarget.TLSVersion
    let within: Span?
    /// PEM file of the authorities to trust.
    let caFile: String?
    let client: HTTPClient
    /// In seconds since 1970.
    let now: @Sendable () -> Int

    /// The playbook's `tls`.
    package static func kind(
        client: HTTPClient = HTTPClient(),
        now: @escaping @Sendable () -> Int = { time(nil) }
    ) -> StepKind {
        StepKind(key: "tls", schema: schema) { value, _, context, diagnostics in
            read(value, folder: context.folder, client: client, now: now, diagnostics: diagnostics)
        }
    }

    package var summary: String { "tls \(address.source)" }
    package var isReadOnly: Bool { true }
    package var references: [Reference] { address.references + (name?.references ?? []) }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let values = attempt.values
        let text = try address.resolved(in: values)
        guard let endpoint = Self.endpoint(text) else {
            throw StepFailure(
                values.masked("tls \(text): neither a host:port nor an https URL"),
                isTransient: false
            )
        }
        let name = try name?.resolved(in: values) ?? endpoint.host
        var target = ConnectionTarget(host: name, port: endpoint.port, isSecure: true)
        target.connectTo = endpoint
        target.minimumTLS = minimumVersion
        target.caFile = caFile
        target.keepsCertificates = true
        let host = HTTPEndpoint(host: name, port: endpoint.port)
        let place = "tls \(host)" + (name == endpoint.host ? "" : " at \(endpoint)")
        let limit = min(attempt.deadline, within ?? attempt.deadline)
        let certificate: PeerCertificate
        do throws(HTTPError) {
            certificate = try await client.certificate(
                of: target,
                deadline: attempt.time(within: within)
            )
        } catch {
            let message =
                if case .timedOut(_, let phase) = error { "no answer within \(limit) (\(phase))" } else {
                    error.message
                }
            throw StepFailure(
                PlainText.line(values.masked("\(place): \(message)"), limit: 600),
                isTransient: true
            )
        }
        return try judge(certificate, place: values.masked(place))
    }

    private func judge(_ certificate: PeerCertificate, place: String) throws(StepFailure) -> StepResult {
        let left = (certificate.expires - now()) / 86_400
        let who = "\(certificate.subject), issued by \(certificate.issuer)"
        guard left >= days else {
            let answered = PlainText.line("until \(certificate.expiry) (\(who))", limit: 600)
            throw StepFailure(
                """
                \(place): the certificate ends in \(left) days
                  expected  at least \(days) days
                  answered  \(answered)
                """,
                isTransient: false
            )
        }
        return StepResult(
            summary: PlainText.line("valid for \(left) days, until \(certificate.expiry)", limit: 200)
        )
    }

    static func endpoint(_ text: String) -> HTTPEndpoint? {
        guard let scheme = text.firstRange(of: "://") else { return HTTPEndpoint(text) }
        guard ["https", "wss"].contains(text[..<scheme.lowerBound].lowercased()) else { return nil }
        let authority = String(text[scheme.upperBound...].prefix { !"/?#".contains($0) })
        return HTTPEndpoint(authority) ?? HTTPEndpoint("\(authority):443")
    }
}

extension HTTPClient {
    /// The certificate that a server shows, after the chain and the name were found to be right.
    fileprivate func certificate(
        of target: ConnectionTarget,
        deadline: Duration
    ) async throws(HTTPError) -> PeerCertificate {
        try await withConnections { connections throws(HTTPError) in
            let connection = try connections.open(target, deadline: deadline)
            while connection.state == .opening {
                guard !connections.isStopped else { throw .cancelled }
                connections.wait(atMost: .seconds(1))
            }
            if case .failed(let error) = connection.state { throw error }
            guard let first = connection.certificates.first else {
                throw .tls(reason: "libcurl does not tell the server's certificate")
            }
            return first
        }
    }
}
