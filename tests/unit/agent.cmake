foreach(module plan pacer)
  plx_test(test_${module} SOURCES test_${module}.c LINKS plx_agent_core)
endforeach()
