import SafeFile

/// A shell script beside the file that puts the stable environment back with neither bgdeploy nor its state.
enum RescueScript {
    /// Needs `sh`, `sed`, `cp`, `mv` and nginx; takes the lock where `flock` is installed.
    static func text(_ file: MarkedFile, test: [String], reload: [String], folder: String) -> String {
        """
        #!/bin/sh
        # Puts back the text that was in force before bgdeploy's last run, tests it and reloads nginx.
        # The text that it replaces is kept beside it as …replaced. Run it as root or as nginx's user.
        set -eu
        file=\(quoted(file.path))
        previous=\(quoted(file.previousPath))
        mark=\(quoted(file.markPath))
        replaced=\(quoted(file.sidePath("replaced")))
        if command -v flock >/dev/null 2>&1; then
            exec 9>\(quoted(file.lockPath))
            flock -w 5 9 || echo "another process holds the lock; going on" >&2
        fi
        put() { cp -p "$file" "$replaced.new" && cat "$1" >"$replaced.new" && mv "$replaced.new" "$file"; }
        cd \(quoted(folder))
        # A higher epoch keeps every bgdeploy that is still under way from undoing this.
        epoch=$(sed -n 's/.*"epoch" *: *\\([0-9][0-9]*\\).*/\\1/p' "$mark" | head -n 1)
        sed "s/\\(\\"epoch\\" *: *\\)[0-9][0-9]*/\\1$((${epoch:-0} + 1))/" "$mark" >"$mark.new"
        mv "$mark.new" "$mark"
        cp -p "$file" "$replaced"
        put "$previous"
        if ! \(line(test)); then
            put "$replaced"
            echo "nginx refused the previous text; nothing was changed" >&2
            exit 1
        fi
        \(line(reload))
        echo "the previous text is back and nginx was told to load it"

        """
    }

    private static func line(_ command: [String]) -> String { command.map(quoted).joined(separator: " ") }

    private static func quoted(_ word: String) -> String {
        "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
