import SafeFile

/// A shell script beside the file that puts the stable environment back with neither bgdeploy nor its state.
enum RescueScript {
    /// Needs `sh`, `sed`, `cp`, `mv` and socat; takes the lock where `flock` is installed.
    ///
    /// `commands` are for the socket, in their order.
    static func text(_ file: MarkedFile, socket: String, commands: [String]) -> String {
        """
        #!/bin/sh
        # Puts back the weights and the text that were in force before bgdeploy's last run.
        # The text that it replaces is kept beside it as …replaced. Run it as root or as HAProxy's user.
        set -eu
        file=\(quoted(file.path))
        previous=\(quoted(file.previousPath))
        mark=\(quoted(file.markPath))
        replaced=\(quoted(file.sidePath("replaced")))
        if command -v flock >/dev/null 2>&1; then
            exec 9>\(quoted(file.lockPath))
            flock -w 5 9 || echo "another process holds the lock; going on" >&2
        fi
        # A higher epoch keeps every bgdeploy that is still under way from undoing this.
        epoch=$(sed -n 's/.*"epoch" *: *\\([0-9][0-9]*\\).*/\\1/p' "$mark" | head -n 1)
        sed "s/\\(\\"epoch\\" *: *\\)[0-9][0-9]*/\\1$((${epoch:-0} + 1))/" "$mark" >"$mark.new"
        mv "$mark.new" "$mark"
        status=0
        if command -v socat >/dev/null 2>&1; then
            answer=$(echo \(quoted(commands.joined(separator: ";"))) | socat - \(quoted("UNIX-CONNECT:" + socket))) || status=1
            [ -z "$(printf %s "$answer" | tr -d '[:space:]')" ] || { echo "$answer" >&2; status=1; }
        else
            echo "socat is not installed: reload HAProxy for the weights of the file" >&2
            status=1
        fi
        cp -p "$file" "$replaced"
        cp -p "$file" "$replaced.new"
        cat "$previous" >"$replaced.new"
        mv "$replaced.new" "$file"
        [ "$status" = 0 ] && echo "the previous weights and the previous text are back"
        exit "$status"

        """
    }

    private static func quoted(_ word: String) -> String {
        "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
