// The calls that the program finds by name; without Gloo's headers this library is built empty.
#pragma once
