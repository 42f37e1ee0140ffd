import DeployPorts
import Testing

struct TemplateTests {
    private let values = Values(plain: ["version": "v2", "a.b-c_d": "x"], secrets: ["secret.KEY": "s3"])

    @Test(arguments: [
        ("", ""), ("plain", "plain"), ("${version}", "v2"), ("a${version}b${a.b-c_d}c", "av2bxc"),
        ("${secret.KEY}", "s3"), ("$${version}", "${version}"), ("$$$", "$$$"), ("$", "$"), ("{}", "{}"),
        ("$version", "$version"), ("$${", "${"), ("$$${", "$${"), ("é${version}é", "év2é"),
        ("${version}${version}", "v2v2"),
    ])
    func `a text is put together`(source: String, result: String) throws {
        #expect(try Template(source).resolved(in: values) == result)
    }

    @Test(arguments: ["${", "a${b", "${}", "${a b}", "${é}", "${a${b}}", "${a\n}", "${$}"])
    func `an unclosed or odd name is refused`(source: String) {
        #expect(throws: Template.Unclosed.self) { try Template(source) }
    }

    @Test func `a value is never read again`() throws {
        let tricky = Values(plain: ["a": "${b}", "b": "no"])
        #expect(try Template("${a}").resolved(in: tricky) == "${b}")
    }

    @Test func `a name without a value fails and says which`() throws {
        let template = try Template("${nobody}", at: Position(line: 3, column: 4))
        let failure = #expect(throws: StepFailure.self) { try template.resolved(in: values) }
        #expect(failure?.message == "${nobody} has no value here")
        #expect(failure?.isTransient == false)
        #expect(template.references == [Reference(name: "nobody", position: Position(line: 3, column: 4))])
    }
}
