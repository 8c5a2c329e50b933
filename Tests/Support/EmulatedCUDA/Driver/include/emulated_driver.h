// The library is opened by name, not linked: nothing is declared here.
#pragma once
