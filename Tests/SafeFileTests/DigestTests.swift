import Testing

@testable import SafeFile

@Suite struct DigestTests {
    /// RFC 4231, test cases 1, 2 and 6.
    @Test func `signs as the standard's examples`() {
        let one = Digest.signature(of: Array("Hi There".utf8), key: Array(repeating: 0x0B, count: 20))
        #expect(one == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let two = Digest.signature(
            of: Array("what do ya want for nothing?".utf8),
            key: Array("Jefe".utf8)
        )
        #expect(two == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let six = Digest.signature(
            of: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: Array(repeating: 0xAA, count: 131)
        )
        #expect(six == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }
}
