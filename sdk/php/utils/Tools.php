<?php

// The programs of the official pages load this file. What it may once have held is in ../src/Signature.php and
// ../src/Clock.php.
