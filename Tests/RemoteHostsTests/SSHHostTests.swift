import SecureShell
import Testing

@Suite struct SSHHostTests {
    @Test(
        arguments: [
            ("ssh://lb1", nil, "lb1", nil), ("ssh://deploy@lb1", "deploy", "lb1", nil),
            ("ssh://deploy@lb-1.example.com:2222", "deploy", "lb-1.example.com", 2222),
            ("ssh://10.0.0.5:22", nil, "10.0.0.5", 22), ("ssh://a_b@[fe80::1]:22", "a_b", "fe80::1", 22),
            ("ssh://[::1]", nil, "::1", nil), ("ssh://edge_2", nil, "edge_2", nil),
        ] as [(String, String?, String, UInt16?)]
    )
    func `a host is read`(_ text: String, _ user: String?, _ name: String, _ port: UInt16?) throws {
        let host = try SSHHost(text)
        #expect(host.user == user)
        #expect(host.name == name)
        #expect(host.port == port)
        #expect("ssh://\(host)" == text)
    }

    @Test(arguments: [
        "lb1", "http://lb1", "ssh://", "ssh://-oProxyCommand=x", "ssh://-v@lb1", "ssh://a b",
        "ssh://lb1/path",
        "ssh://lb1:0", "ssh://lb1:70000", "ssh://lb1:", "ssh://a:b@lb1", "ssh://@lb1", "ssh://lb1;reboot",
        "ssh://$(id)", "ssh://a'b@lb1", "ssh://lb1\nx", "ssh://.lb", "ssh://[lb1]", "ssh://[::1", "ssh://ü",
    ])
    func `what could be an option, a word of a shell or a mistake is refused`(_ text: String) {
        #expect(throws: SSHHost.Mistake.self) { try SSHHost(text) }
    }

    @Test func `no option of ssh trusts, asks or forwards, and the host stands behind a double dash`() throws
    {
        let words = SSHClient().arguments(
            try SSHHost("ssh://deploy@lb1:2222"),
            ["echo", "it's", "", "$HOME", "a b"],
            isShared: true
        )
        let text = words.joined(separator: " ")
        for part in [
            "-T -a -x", "BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "ControlPath=none",
            "-l deploy -p 2222 -- lb1",
        ] {
            #expect(text.contains(part), "\(part)")
        }
        #expect(!words.contains("-F"))
        #expect(words.last == #"echo 'it'\''s' '' '$HOME' 'a b'"#)
        let shared = SSHClient(controlFolder: "/run/x").arguments(
            try SSHHost("ssh://lb1"),
            [],
            isShared: true
        )
        #expect(shared.contains("ControlPath=/run/x/%C"))
    }
}
