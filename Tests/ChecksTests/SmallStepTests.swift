import Checks
import DeployPorts
import HTTPClient
import Testing
import ServiceLab

@Suite struct SmallStepTests {
    @Test func `tcp connects, and names a dead port`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let step = try StepBench.make(
                TCPStep.kind(),
                "{ address: \"${env.HOST}:\(server.port)\", within: 2s }"
            )
            let result = try await step.perform(StepBench.attempt(["env.HOST": "127.0.0.1"]))
            #expect(result.summary.hasPrefix("connected in "))
            #expect(step.references.map(\.name) == ["env.HOST"])
        }
        let port = try RawServer.deadPort()
        let step = try StepBench.make(TCPStep.kind(), "127.0.0.1:\(port)")
        #expect(step.summary == "tcp 127.0.0.1:\(port)")
        let failure = await #expect(throws: StepFailure.self) { try await step.perform(StepBench.attempt()) }
        #expect(
            failure?.message
                == "tcp 127.0.0.1:\(port): connection refused (nothing listens on 127.0.0.1:\(port))"
        )
    }

    @Test(arguments: [
        ("localhost", "1:1: `tcp` must be a host and a port such as 127.0.0.1:5432, found `localhost`"),
        ("{ within: 2s }", "1:1: `tcp` needs the key `address`"),
        ("{ address: \"a:1\", witin: 2s }", "1:19: `tcp` has no key `witin`; did you mean `within`?"),
        ("[a]", "1:1: `tcp` must be a mapping of keys to values, found a list"),
    ])
    func `mistakes of tcp are reported at their places`(text: String, message: String) {
        let (action, messages) = StepBench.decode(TCPStep.kind(), text)
        #expect(messages == [message])
        #expect(action == nil)
    }

    private static let environment = EnvironmentStep.kind { name in
        ["GOOD": "0123456789", "SHORT": "hunter2", "EMPTY": ""][name]
    }

    @Test func `env names what is missing, empty or short, and shows no value`() async throws {
        let text = "{ GOOD: { min_length: 10 }, SHORT: { min_length: 8 }, EMPTY: {}, ABSENT: }"
        let step = try StepBench.make(Self.environment, text)
        let failure = await #expect(throws: StepFailure.self) { try await step.perform(StepBench.attempt()) }
        #expect(
            failure?.message == """
                the environment variable SHORT is too short: 8 characters are needed
                the environment variable EMPTY is empty
                the environment variable ABSENT is not set
                """
        )
        let fine = try StepBench.make(Self.environment, "{ GOOD: {}, SHORT: { min_length: 7 } }")
        #expect(try await fine.perform(StepBench.attempt()).summary == "2 set")
        #expect(fine.summary == "env GOOD, SHORT")
    }

    @Test func `env holds the whole value against its format, and shows no value`() async throws {
        let fine = try StepBench.make(Self.environment, "{ GOOD: { matches: '[0-9]{10}' } }")
        #expect(try await fine.perform(StepBench.attempt()).summary == "1 set")
        let step = try StepBench.make(Self.environment, "{ GOOD: { matches: '[0-8]+' } }")
        let failure = await #expect(throws: StepFailure.self) { try await step.perform(StepBench.attempt()) }
        #expect(
            failure?.message == """
                the environment variable GOOD does not look as it must: its whole value has to match [0-8]+
                """
        )
        let (action, messages) = StepBench.decode(Self.environment, "{ GOOD: { matches: '(' } }")
        #expect(action == nil && messages.count == 1)
        #expect(messages[0].hasPrefix("1:20: `matches` is not a regular expression"))
    }

    @Test func `env reads the environment of this process`() async throws {
        let step = try StepBench.make(EnvironmentStep.kind(), "{ PATH: {} }")
        #expect(try await step.perform(StepBench.attempt()).summary == "1 set")
    }

    @Test(arguments: [
        ("{ A-B: {} }", "1:3: `A-B` is not a variable's name"),
        ("{ A: { min_lenght: 3 } }", "1:8: `A` has no key `min_lenght`; did you mean `min_length`?"),
        ("{ A: { min_length: 0 } }", "1:20: `min_length` must be a whole number from 1 to 65536, found `0`"),
        ("{ A: 5 }", "1:6: `A` must be a mapping of keys to values, found `5`"),
        ("{ }", "1:1: `env` names no variable"),
    ])
    func `mistakes of env are reported at their places`(text: String, message: String) {
        let (action, messages) = StepBench.decode(Self.environment, text)
        #expect(messages == [message])
        #expect(action == nil)
    }

    @Test func `every schema is JSON`() throws {
        for kind in [HTTPStep.kind(), TCPStep.kind(), EnvironmentStep.kind()] {
            _ = try JSONDocument(Array(kind.schema.utf8))
        }
    }
}
