package import SafeFile

/// What every rollback script beside a balancer's file begins with.
package enum RescueHead {
    /// Names the files, takes the lock, makes room on a full disk and raises the epoch.
    ///
    /// Needs `sh`, `sed`, `mv` and `head`; takes the lock where `flock` is installed. After it, `$file`, `$previous`,
    /// `$mark` and `$replaced` are paths, `put TEXT` makes a text the file's and keeps the one before as `$replaced`,
    /// and `complain WORDS` sets `$status` to 1. `purpose` is put at the top, as a comment.
    package static func text(_ file: MarkedFile, purpose: String) -> String {
        """
        #!/bin/sh
        \(purpose.split(separator: "\n").map { "# \($0)" }.joined(separator: "\n"))
        set -u
        file=\(quoted(file.path))
        previous=\(quoted(file.previousPath))
        mark=\(quoted(file.markPath))
        replaced=\(quoted(file.sidePath("replaced")))
        lock=\(quoted(file.lockPath))
        status=0
        complain() { echo "$1" >&2; status=1; }
        put() {
            cp -p "$file" "$replaced.new" && cat "$1" >"$replaced.new" || { rm -f "$replaced.new"; return 1; }
            [ "$1" = "$replaced" ] || cp -p "$file" "$replaced" || true
            mv "$replaced.new" "$file"
        }
        if command -v flock >/dev/null 2>&1 && exec 9>>"$lock"; then
            if ! flock -w 1 9; then
                # A bgdeploy that hangs with the lock in its hand is killed: whatever it wrote is whole.
                inode=$(stat -c %i "$lock")
                holder=$(sed -n "s/^[0-9]*: FLOCK  *ADVISORY  *WRITE  *\\([0-9]*\\) [^ ]*:$inode .*/\\1/p" /proc/locks | head -n 1)
                case $(readlink "/proc/${holder:-0}/exe") in
                */bgdeploy*) kill -9 "$holder" ;;
                esac
                flock -w 1 9 || echo "another process holds the lock; going on" >&2
            fi
        fi
        # On a full disk this is the room for what follows.
        rm -f \(quoted(file.ballastPath))
        # A higher epoch keeps every bgdeploy that is still under way from undoing this.
        token() { sed -n '/"token"/,/}/s/.*"epoch" *: *\\([0-9][0-9]*\\).*/\\1/p' "$mark"; }
        raise() { sed "/\\"token\\"/,/}/s/\\(\\"epoch\\" *: *\\)[0-9][0-9]*/\\1$(($(token) + 1))/" "$mark"; }
        if raise >"$mark.new" && mv "$mark.new" "$mark"; then :; else
            rm -f "$mark.new"
            complain "$mark could not be raised: stop every bgdeploy that is under way"
        fi

        """
    }

    /// `word` as one word of a shell.
    package static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: "'\\''") + "'" }

    /// A command with its arguments.
    package static func line(_ command: [String]) -> String {
        command.map(quoted).joined(separator: " ")
    }
}
