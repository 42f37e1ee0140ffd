/// Where a connection goes, and what must be true of it.
package struct ConnectionTarget: Hashable, Sendable {
    package enum TLSVersion: String, CaseIterable, Hashable, Sendable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// For SNI and for the name in the certificate.
    package var host: String
    package var port: Int
    /// Over TLS, with the certificate checked.
    package var isSecure: Bool
    /// Connects there instead; the certificate must still be that of ``host``.
    package var connectTo: HTTPEndpoint?
    package var unixSocket: String?
    /// PEM file of the authorities to trust instead of the system's.
    package var caFile: String?
    package var minimumTLS = TLSVersion.v12
    /// Whether `http/1.1` is offered in the handshake (ALPN).
    package var offersHTTP = true
    /// Whether ``Connection/certificates`` are kept.
    package var keepsCertificates = false

    package init(host: String, port: Int, isSecure: Bool) {
        let endpoint = HTTPEndpoint(host: host, port: port)
        self.host = endpoint.host
        self.port = port
        self.isSecure = isSecure
    }

    /// As a URL whose scheme tells libcurl whether to speak TLS.
    var url: String { "\(isSecure ? "https" : "http")://\(HTTPEndpoint(host: host, port: port))/" }
}
