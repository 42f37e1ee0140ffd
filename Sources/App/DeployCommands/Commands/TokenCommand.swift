import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts
import DeployServer

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make, list and revoke the tokens of the service.",
        discussion: """
            Acts on the state store itself, so that the first token needs none: whoever may write the store owns the \
            service.
            """,
        subcommands: [Create.self, List.self, Revoke.self]
    )

    struct Create: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make a token, and print it: nobody can read it again."
        )

        @OptionGroup var common: CommonOptions
        @Argument(
            help: "Whom it is for, as the journal names them; a person has one name for all their tokens."
        )
        var name: String
        @Option(
            name: .customLong("scope"),
            help: "What it allows: read, deploy, approve or admin; may be repeated."
        )
        var scopes: [Scope] = []
        @Option(name: .customLong("service"), help: "The service it is for (default: all); may be repeated.")
        var services: [String] = []
        @Option(help: "How long it is good for, such as 90d, or never.") var expires = "90d"

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let order = Tokens.Order(
                name: name,
                scopes: Set(scopes),
                services: services.isEmpty ? nil : Set(services),
                lifetime: try lifetime()
            )
            let (token, secret) = try await workplace.tokens().create(order, by: workplace.actor)
            switch workplace.options.output {
            case .json:
                workplace.printer.line(
                    JSON.text(token.json(at: workplace.clock.now(), secret: secret), indent: 1)
                )
            case .text, .github:
                Printer.errors.line("bgdeploy: token \(token.id) for \(token.told); it is not shown again:")
                workplace.printer.line(secret)
            }
            return .done
        }

        private func lifetime() throws(CommandFailure) -> Span? {
            do throws(CommandFailure) {
                return try Tokens.Order.lifetime(expires)
            } catch {
                throw CommandFailure(error.status, "--expires: \(error.message)")
            }
        }
    }

    struct List: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List all tokens, also those that are no good any more."
        )

        @OptionGroup var common: CommonOptions

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let all = try await workplace.tokens()
            let tokens: [Token]
            do throws(RunStoreError) {
                tokens = try await all.list()
            } catch {
                throw CommandFailure(error)
            }
            let now = workplace.clock.now()
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(.list(tokens.map { $0.json(at: now) }), indent: 1))
            case .text, .github:
                for token in tokens { workplace.printer.line(Style.harmless(token.line(at: now))) }
                if tokens.isEmpty {
                    Printer.errors.line("bgdeploy: no tokens; `bgdeploy token create` makes one")
                }
            }
            return .done
        }
    }

    struct Revoke: CommandBody {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Make a token worthless, with the sessions that were opened by it."
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "Its identity, as `token list` shows it.") var id: String

        func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
            let token: Token?
            let tokens = try await workplace.tokens()
            do throws(RunStoreError) {
                token = try await tokens.revoke(id, by: workplace.actor)
            } catch {
                throw CommandFailure(error)
            }
            guard let token else {
                throw CommandFailure(.badInput, "there is no token \(id); see `bgdeploy token list`")
            }
            switch workplace.options.output {
            case .json: workplace.printer.line(JSON.text(token.json(at: workplace.clock.now()), indent: 1))
            case .text, .github: workplace.printer.line("token \(token.id) of \(token.name) is revoked")
            }
            return .done
        }
    }
}

extension Scope: ExpressibleByArgument {}

extension Workplace {
    fileprivate func tokens() async throws(CommandFailure) -> Tokens {
        let store = try await desk().store()
        return Tokens(store, ledger: TokenLedger(store, clock: clock), clock: clock)
    }
}

extension Token {
    fileprivate func line(at now: Timestamp) -> String {
        let state = standing(at: now)
        let use = lastUsed.map { "last used \(Clock.date($0))" } ?? "never used"
        return "\(id)  \(told); \(use)\(state == .valid ? "" : "; \(state.rawValue.uppercased())")"
    }
}
