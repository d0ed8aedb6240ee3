foreach(module plan pacer attempt)
  plx_test(test_${module} SOURCES test_${module}.c LINKS plx_agent_core)
endforeach()
