import DeployOperations
import Testing

/// Where the journal and the artifacts are looked for.
struct StateLocationTests {
    private func location(
        _ url: String?,
        _ environment: [String: String] = ["HOME": "/h"],
        isRoot: Bool = false
    ) throws -> StateLocation {
        try StateLocation(url, environment: environment, isRoot: isRoot)
    }

    @Test func `without a word of it the folder is root's or the user's own`() throws {
        #expect(try location(nil, isRoot: true).journal == .sqlite("/var/lib/bgdeploy/state.db"))
        #expect(try location(nil).journal == .sqlite("/h/.local/state/bgdeploy/state.db"))
        let named = try location(nil, ["HOME": "/h", "XDG_STATE_HOME": "/x"])
        #expect(named.journal == .sqlite("/x/bgdeploy/state.db"))
        let relative = try location(nil, ["HOME": "/h", "XDG_STATE_HOME": "x"])
        #expect(relative.journal == .sqlite("/h/.local/state/bgdeploy/state.db"))
    }

    @Test func `artifacts lie beside the journal's file, and on this host where it is a database`() throws {
        #expect(try location("sqlite:/a/b.db").journal == .sqlite("/a/b.db"))
        #expect(try location("sqlite:/a/b.db").runs == "/a/runs")
        for url in ["postgresql://u@h/d", "postgres://u@h/d"] {
            #expect(try location(url).journal == .postgres(url))
            #expect(try location(url).runs == "/h/.local/state/bgdeploy/runs")
        }
    }

    @Test(arguments: ["mysql://u:pw@h/d", "sqlite:"])
    func `what is no store is refused without its password`(url: String) throws {
        let failure = try #require(throws: CommandFailure.self) { try location(url) }
        #expect(failure.status == .usage && !failure.message.contains("pw@"), "\(failure.message)")
    }
}
