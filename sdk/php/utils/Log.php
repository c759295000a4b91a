<?php

// The programs of the official pages load this file. The client logs nothing, so there is nothing in it.
