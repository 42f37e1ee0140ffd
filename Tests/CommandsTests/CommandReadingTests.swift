@testable import StepLab
import Commands
import DeployCore
import DeployPorts
import Foundation
import Testing

struct CommandReadingTests {
    private func problems(
        _ key: String,
        _ value: Parameter,
        _ siblings: [Parameter.Entry] = []
    ) throws -> [String] {
        try decode(key, value, siblings, folder: "/").problems
    }

    @Test func `a secret is refused as an argument, with advice`() throws {
        let problems = try problems("run", .texts(["x", "--token=${secret.T}"]))
        #expect(problems.count == 1)
        #expect(problems.first?.contains("BGDEPLOY_SECRET_T") == true)
    }

    @Test func `shapes that make no command are refused`() throws {
        #expect(try problems("run", .text("./deploy.sh x")).first?.contains("`script`") == true)
        #expect(try problems("run", .list([], position: .unknown)).count == 1)
        #expect(try problems("run", .texts([""])).count == 1)
        #expect(try problems("run", .texts(["a", "${"])).count == 1)
        #expect(try problems("script", .text(" \n")).count == 1)
        #expect(try problems("script", .texts(["a"])).count == 1)
    }

    @Test func `a script is told which variable to write instead of a value`() throws {
        let expected = [
            "echo ${version}": "$BGDEPLOY_VERSION", "echo ${candidate.url}": "$BGDEPLOY_CANDIDATE_URL",
            "echo ${secret.T}": "$BGDEPLOY_SECRET_T", "echo ${env.CI}": "$CI", "echo ${steps.a.b}": "`env`",
        ]
        for (script, advice) in expected {
            let problems = try problems("script", .text(script))
            #expect(problems.count == 1 && problems[0].contains(advice), "\(script): \(problems)")
        }
        #expect(try problems("script", .text("version=1; echo ${version} ${x%.*} ${HOME}")).isEmpty)
    }

    @Test func `siblings are checked`() throws {
        func sibling(_ key: String, _ value: Parameter) -> [Parameter.Entry] {
            [.init(key: key, keyPosition: .unknown, value: value)]
        }
        func env(_ key: String) -> Parameter {
            .map([.init(key: key, keyPosition: .unknown, value: .text("x"))], position: .unknown)
        }
        let run = Parameter.texts(["x"])
        #expect(try problems("run", run, sibling("on", .text("ssh://deploy@h:2222"))).isEmpty)
        let list = try problems("run", run, sibling("on", .texts(["ssh://h"])))
        #expect(list == ["`on` must be a host, found a list"])
        let mistaken = try problems("run", run, sibling("on", .text("ssh://-oProxyCommand=x")))
        #expect(mistaken.first?.contains("is no host in") == true)
        #expect(try problems("run", run, sibling("env", .text("A=b"))).count == 1)
        #expect(try problems("run", run, sibling("env", env("1A"))).count == 1)
        #expect(try problems("run", run, sibling("env", env("BGDEPLOY_RUN"))).count == 1)
        #expect(try problems("run", run, sibling("env", env("A_1"))).isEmpty)
    }

    @Test func `the schemas are JSON`() throws {
        for kind in CommandStep.kinds(supervisor: "x", environment: [:]) {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(kind.schema.utf8)) }
        }
    }
}

func decode(
    _ key: String,
    _ value: Parameter,
    _ siblings: [Parameter.Entry],
    folder: String
) throws -> (action: (any StepAction)?, problems: [String]) {
    let kinds = try CommandStep.kinds(
        supervisor: supervisorFixture(),
        environment: [
            "PATH": "/usr/bin:/bin", "TOKEN": "canary-secret-value", "INHERITED": "inherited",
            "BGDEPLOY_STATE": "/x",
        ]
    )
    let kind = try #require(kinds.first { $0.key == key })
    let diagnostics = Diagnostics()
    let context = StepContext(phase: .prepare, service: "mina", folder: folder, publicURL: nil)
    return (kind.make(value, siblings, context, diagnostics), diagnostics.all.map(\.message))
}

extension Parameter {
    static func text(_ text: String) -> Parameter {
        .scalar(Scalar(text: text, isQuoted: true, position: .unknown))
    }
    static func texts(_ texts: [String]) -> Parameter { .list(texts.map { text($0) }, position: .unknown) }
}
