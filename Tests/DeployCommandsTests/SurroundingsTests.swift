@testable import DeployCommands
@testable import DeployOperations
import DeployCore
import DeployPorts
import Testing

/// What the command line makes of its surroundings, and what its exit code says.
struct SurroundingsTests {
    // MARK: text that is safe to show

    @Test(arguments: [
        "\u{1B}[31mred", "\u{9B}31m", "\u{202E}evil", "\u{2066}x", "\u{200F}x", "\u{7F}", "\u{0}", "\u{8}",
        "a\rb", "\u{7}",
    ]) func `what would steer the terminal is shown instead`(text: String) {
        let shown = Style.harmless(text)
        for scalar in shown.unicodeScalars {
            #expect(scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value))
            #expect(!(0x202A...0x202E).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value))
        }
        #expect(shown.contains("\\u{"))
    }

    @Test func `ordinary text stays as it is`() {
        #expect(Style.harmless("blue 75 % → ✓ 日本語\né") == "blue 75 % → ✓ 日本語\né")
        #expect(Style.harmless("a\tb") == "a    b")
    }

    // MARK: state

    @Test func `the state store is where it was said, or where such files belong`() throws {
        let byDefault = try StateLocation(nil, environment: [:], isRoot: true)
        #expect(byDefault.journal == .sqlite("/var/lib/bgdeploy/state.db"))
        let home = ["HOME": "/home/ana"]
        #expect(
            try StateLocation(nil, environment: home, isRoot: false).journal
                == .sqlite("/home/ana/.local/state/bgdeploy/state.db")
        )
        let xdg = ["HOME": "/home/ana", "XDG_STATE_HOME": "/var/state"]
        #expect(
            try StateLocation(nil, environment: xdg, isRoot: false).journal
                == .sqlite("/var/state/bgdeploy/state.db")
        )
        let relative = ["HOME": "/home/ana", "XDG_STATE_HOME": "state"]
        #expect(
            try StateLocation(nil, environment: relative, isRoot: false).journal
                == .sqlite("/home/ana/.local/state/bgdeploy/state.db")
        )
        let named = try StateLocation("sqlite:/srv/deploy/s.db", environment: [:], isRoot: true)
        #expect(named.journal == .sqlite("/srv/deploy/s.db"))
        #expect(named.runs == "/srv/deploy/runs")
        let beside = try StateLocation("sqlite:s.db", environment: [:], isRoot: true)
        guard case .sqlite(let path) = beside.journal else { throw StepFailure("a file is expected") }
        #expect(path.hasSuffix("/s.db"))
        #expect(path.hasPrefix("/"))
    }

    @Test func `a database is a state store, and the artifacts stay on this host`() throws {
        let url = "postgresql://deploy:secret@db1,db2/bgdeploy"
        let location = try StateLocation(url, environment: ["HOME": "/home/ana"], isRoot: false)
        #expect(location.journal == .postgres(url))
        #expect(location.runs == "/home/ana/.local/state/bgdeploy/runs")
    }

    @Test(arguments: ["mysql://db/x", "sqlite:", "/tmp/s.db", ""])
    func `a store that is not there is a mistake of the command line`(url: String) {
        let failure = #expect(throws: CommandFailure.self) {
            try StateLocation(url, environment: [:], isRoot: true)
        }
        #expect(failure?.status == .usage)
        #expect(failure?.message.contains("`\(url)`") == true)
    }

    // MARK: exit codes

    @Test func `a run's end has its code`() {
        var failed = Script()
        failed.start()
        failed.fail("no")
        #expect(ExitStatus(of: failed.state) == .failed)

        var back = Script()
        back.goToFirstHold()
        #expect(ExitStatus(of: back.state) == .waiting)
        back.command(.abort)
        back.succeed()
        back.succeed()
        #expect(ExitStatus(of: back.state) == .rolledBack)

        var stuck = Script()
        stuck.goToFirstHold()
        stuck.command(.abort)
        while !stuck.state.isSettled {
            let isRouting = stuck.state.pending.contains {
                if case .route = $0.effect { true } else { false }
            }
            if isRouting { stuck.fail("no answer", .unknown) } else { stuck.succeed() }
        }
        #expect(ExitStatus(of: stuck.state) == .rollbackFailed)

        var live = Script(Script.canary(phases: [.shift(phase: .instant)]))
        live.start()
        live.succeed()
        #expect(ExitStatus(of: live.state) == .done)
    }

    @Test func `the codes are the documented ones`() {
        let codes: [DeployOperations.ExitStatus] = [
            .done, .failed, .rolledBack, .rollbackFailed, .waiting, .usage, .badInput, .unavailable, .held,
            .forbidden,
            .interrupted, .terminated,
        ]
        #expect(codes.map(\.rawValue) == [0, 1, 3, 4, 5, 64, 65, 69, 75, 77, 130, 143])
    }

    @Test func `a store's failure is told with the way out`() {
        let held = CommandFailure(.held(lease))
        #expect(held.status == .held)
        #expect(held.message.contains("run v2.5.0") && held.message.contains("4711"))
        #expect(held.message.contains("bgdeploy rollback"))
        let away = CommandFailure(.unavailable("disk I/O error"))
        #expect(away.status == .unavailable)
        #expect(away.message.contains("bgdeploy rollback --emergency"))
        #expect(CommandFailure(.leaseLost).status == .held)
    }

    private var lease: Lease {
        Lease(
            service: "mina",
            holder: LeaseHolder(
                host: "web-1",
                boot: "b",
                process: 4711,
                startTicks: 1,
                actor: Actor("ana"),
                purpose: "run v2.5.0"
            ),
            fence: 3,
            expires: Script.begin
        )
    }
}
