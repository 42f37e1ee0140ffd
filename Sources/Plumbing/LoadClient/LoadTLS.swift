internal import HTTPClient
internal import NIOCore
internal import NIOSSL

/// What a connection over TLS needs; the certificate is always checked.
struct LoadTLS: Sendable {
    private let context: NIOSSLContext
    /// For SNI; `nil` for an address, which the certificate then has to name.
    private let name: String?

    init(_ target: ConnectionTarget) throws(LoadProblem) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = target.minimumTLS == .v13 ? .tlsv13 : .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let file = target.caFile { configuration.trustRoots = .file(file) }
        do {
            context = try NIOSSLContext(configuration: configuration)
            let isAddress = (try? SocketAddress(ipAddress: target.host, port: target.port)) != nil
            name = isAddress ? nil : target.host
        } catch {
            throw .tls(reason: "\(error)")
        }
    }

    /// For one connection.
    func handler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: name)
    }
}
