{{ config(
    severity='warn',
    meta={
        'code': 'HOUSE-STATES-01',
        'dimension': 'accuracy',
        'subject': 'stg_states',
        'guards': 'The universe of states has 197 members.',
        'sentence': 'Compare the register of states with the members of the United Nations, the Holy See, the State of Palestine, the Cook Islands and Niue.',
    },
) }}

select state_count
from (select count(*) as state_count from {{ ref('stg_states') }}) as counted
where state_count <> 197
