/// A self-signed certificate, which is its own authority.
public struct TestCertificate: Sendable {
    public let file: String
    public let key: String

    /// Over after `days`; made in `folder`.
    public init(days: Int, host: String = "mina.test", in folder: Folder) throws {
        file = "\(folder.path)/cert-\(days).pem"
        key = "\(folder.path)/key-\(days).pem"
        try Program.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", String(days), "-keyout", key, "-out", file, "-subj", "/CN=\(host)",
                "-addext", "subjectAltName=DNS:\(host)",
            ],
            in: folder,
            name: "openssl-req"
        )
    }
}
