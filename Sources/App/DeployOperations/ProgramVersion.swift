/// Of the program: what `--version` tells, and what balancers on other hosts compare theirs with.
package let programVersion = "0.1.0"
