import Foundation
import Testing

@testable import HTTPClient

@Suite struct LibraryLoadingTests {
    @Test func `a program with the client in it starts without libcurl`() throws {
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let list = Process()
        list.executableURL = URL(filePath: "/usr/bin/ldd")
        list.arguments = [program.path]
        let output = Pipe()
        list.standardOutput = output
        try list.run()
        let needed = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        list.waitUntilExit()
        #expect(needed.contains("libc.so"), "\(program.path): \(needed)")
        #expect(!needed.contains("libcurl"))
    }

    @Test func `a library that is missing is named with what installs it`() {
        let error = Transfer.libraryError(state: 1, reason: "no such file")
        #expect(error.message == "libcurl is not installed: apt-get install libcurl4 (no such file)")
        let other = Transfer.libraryError(state: 2, reason: "undefined symbol: curl_easy_init")
        #expect(other.message == "libcurl cannot be used: undefined symbol: curl_easy_init")
    }
}
