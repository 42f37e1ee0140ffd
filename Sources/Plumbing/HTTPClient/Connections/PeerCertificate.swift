internal import CCurl

/// A certificate that a server showed.
package struct PeerCertificate: Hashable, Sendable {
    /// As `CN = mina.example`.
    package let subject: String
    package let issuer: String
    /// In seconds since 1970.
    package let expires: Int
    /// As the certificate writes it: `Nov 21 07:46:00 2026 GMT`.
    package let expiry: String
}

extension Connection {
    /// Those that the server sent, its own first; empty without ``ConnectionTarget/keepsCertificates``.
    package var certificates: [PeerCertificate] {
        var info: UnsafeMutablePointer<curl_certinfo>?
        _ = bg_curl_get_certificates(transfer.easy, &info)
        guard let info else { return [] }
        return (0..<Int(info.pointee.num_of_certs)).compactMap { index in
            Self.certificate(fields: Self.lines(of: info.pointee.certinfo[index]))
        }
    }

    private static func certificate(fields: [String: String]) -> PeerCertificate? {
        guard let expiry = fields["Expire date"] else { return nil }
        let expires = bg_curl_getdate(expiry)
        guard expires >= 0 else { return nil }
        return PeerCertificate(
            subject: fields["Subject"] ?? "",
            issuer: fields["Issuer"] ?? "",
            expires: expires,
            expiry: expiry
        )
    }

    /// libcurl tells each fact as a line `Name:value`.
    private static func lines(of list: UnsafeMutablePointer<curl_slist>?) -> [String: String] {
        var fields: [String: String] = [:]
        var node = list
        while let current = node {
            if let text = current.pointee.data {
                let line = String(cString: text)
                if let colon = line.firstIndex(of: ":") {
                    fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
                }
            }
            node = current.pointee.next
        }
        return fields
    }
}
