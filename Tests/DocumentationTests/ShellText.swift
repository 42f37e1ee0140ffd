/// The simple commands of a text for the shell, as far as documentation goes.
enum ShellText {
    /// Each command's words, without redirections, variables that are set before it and words such as `if` and `sudo`.
    static func commands(in text: String) -> [[String]] {
        var reader = Reader(text: Array(text))
        reader.read()
        return reader.commands.map { words in
            Array(
                words.drop { word in
                    ["if", "then", "else", "do", "until", "while", "!", "{", "exec", "sudo", "env", "$"]
                        .contains(word)
                        || word.prefixMatch(of: #/[A-Za-z_][A-Za-z0-9_]*=/#) != nil
                }
            )
        }.filter { !$0.isEmpty }
    }

    private struct Reader {
        let text: [Character]
        var place = 0
        var commands: [[String]] = []
        var words: [String] = []
        var word: String?
        var isTarget = false

        init(text: [Character]) { self.text = text }

        mutating func read() {
            while place < text.count {
                let letter = text[place]
                switch letter {
                case "'", "\"": quoted(by: letter)
                case "\\": escaped()
                case " ", "\t": endWord()
                case "#" where word == nil: skipLine()
                case "<" where place + 1 < text.count && text[place + 1] == "<": hereDocument()
                case ">", "<": redirection()
                case "\n", ";", "|", "&", "(", ")": endCommand()
                default: word = (word ?? "") + String(letter)
                }
                place += 1
            }
            endCommand()
        }

        private mutating func quoted(by quote: Character) {
            word = word ?? ""
            place += 1
            while place < text.count, text[place] != quote {
                if quote == "\"", text[place] == "\\", place + 1 < text.count { place += 1 }
                word?.append(text[place])
                place += 1
            }
        }

        private mutating func escaped() {
            place += 1
            guard place < text.count, text[place] != "\n" else { return }
            word = (word ?? "") + String(text[place])
        }

        private mutating func skipLine() {
            while place + 1 < text.count, text[place + 1] != "\n" { place += 1 }
        }

        /// `2>&1`, `>>file`: the number before and the word behind are no words of the command.
        private mutating func redirection() {
            if let number = word, Int(number) != nil { word = nil } else { endWord() }
            while place + 1 < text.count, text[place + 1] == ">" || text[place + 1] == "&" { place += 1 }
            isTarget = true
        }

        /// `<<'END'` and all lines to `END`.
        private mutating func hereDocument() {
            endWord()
            place += 2
            var mark = ""
            while place < text.count, text[place] != "\n", text[place] != " " {
                if text[place] != "'", text[place] != "-", text[place] != "\"" { mark.append(text[place]) }
                place += 1
            }
            endCommand()
            while place < text.count {
                let end = text[place...].dropFirst().firstIndex(of: "\n") ?? text.count
                let line = String(text[place..<end]).drop { $0 == "\n" || $0 == " " }
                place = end
                if line == mark { return }
            }
        }

        private mutating func endWord() {
            // `${NAME:-word}` is the word.
            if let word, !isTarget { words.append(word.replacing(#/\$\{\w+:-([^}]*)\}/#) { String($0.1) }) }
            if word != nil { isTarget = false }
            word = nil
        }

        private mutating func endCommand() {
            endWord()
            isTarget = false
            if !words.isEmpty { commands.append(words) }
            words = []
        }
    }
}
