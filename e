/dev/fd/3: line 32: /tmp/growj: No such file or directory
